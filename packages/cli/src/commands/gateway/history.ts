import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { generationPresentation } from "@skerry/core/contract/present/gateway.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { escapeText } from "../../output/escape.ts";
import { defineCommand, type Invocation } from "../command.ts";
import { changesText } from "./told.ts";

const { maxGenerations } = LIMITS.history;

export default defineCommand({
  usage: "[show N]",
  args: [0, 2],
  options: {
    limit: { type: "string", describe: `Newest so many, at most ${maxGenerations} (default: 20)` },
  },
  example: "gateway history",
  more: [["gateway history show 12", "what the generation 12 has changed, field by field"]],
  details:
    "Each change of a route, upstream, certificate or iplist of a project makes a generation; what one call changes together is one. " +
    `The newest ${maxGenerations} are kept, fewer when they are large. Keys of certificates are never in it.`,
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [word, number] = args;
    if (word === undefined) return list(invocation, flags.limit);
    if (word !== "show" || number === undefined)
      throw new SkerryError("invalid", "It is: skerry gateway history [show N].");
    return show(invocation, readGeneration(number, 1));
  },
});

/** @throws `invalid`. */
export function readGeneration(text: string, least: 0 | 1): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number >= least) return number;
  throw new SkerryError("invalid", `${JSON.stringify(text)} is not the number of a generation.`, {
    hint: "skerry gateway history shows them.",
  });
}

async function list(invocation: Invocation, limitText: string | undefined): Promise<void> {
  const limit = limitText === undefined ? undefined : readGeneration(limitText, 1);
  const client = await invocation.client();
  const project = await invocation.project();
  const query = {
    ...(limit === undefined ? {} : { limit: Math.min(limit, maxGenerations) }),
    ...(project === undefined ? {} : { project }),
  };
  const { items } = await client.call(gatewayRoutes.history, { query, signal: invocation.signal });
  await invocation.output.list(generationPresentation, items);
}

async function show(invocation: Invocation, generation: number): Promise<void> {
  const client = await invocation.client();
  const project = await invocation.project();
  const found = await client.call(gatewayRoutes.generation, {
    params: { generation },
    query: project === undefined ? {} : { project },
    signal: invocation.signal,
  });
  const { time, author, action, backTo, requestId, changes } = found;
  await invocation.output.value(found, String(generation), () => {
    const how = backTo === undefined ? action : `${action}, back to ${backTo}`;
    const request = requestId === undefined ? "" : `, request ${escapeText(requestId)}`;
    const head = `generation ${generation}: ${time}, by ${escapeText(author.name)} (${escapeText(how)}${request})\n`;
    return head + changesText(changes, "");
  });
}
