import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { escapeText } from "../../output/escape.ts";
import { defineCommand } from "../command.ts";

const MARKS = { wins: "*", no: "-", note: " " } as const;

export default defineCommand({
  usage: "METHOD URL",
  args: [2, 2],
  options: {
    header: { type: "array", alias: "H", describe: "'NAME: VALUE' of the request (again for more)" },
    client: { type: "string", describe: "Address that it comes from, for routes that do not take all" },
  },
  example: "route explain GET https://app.example.com/api",
  more: [["route explain GET app.example.com/api -H 'X-API: v2'", "with a header"]],
  details:
    "The gateway's own code decides; nothing is sent. A * stands before what has won, a - before what has not, with the reason. " +
    "Routes that you may not see are not told of.",
  async run(invocation, { args, flags }) {
    const [method = "", url = ""] = args;
    const headers = flags.header.map((text) => {
      const [, name, value = ""] = /^([^:]+):\s*(.*)$/s.exec(text) ?? [];
      if (name !== undefined) return { name: name.trim(), value: value.trim() };
      throw new SkerryError("invalid", `${JSON.stringify(text)} is not a header.`, { hint: "Like -H 'X-API: v2'" });
    });
    const client = await invocation.client();
    const { steps, outcome } = await client.call(routeRoutes.explain, {
      body: { method, url, headers, ...(flags.client === undefined ? {} : { client: flags.client }) },
      signal: invocation.signal,
    });
    await invocation.output.value({ steps, outcome }, outcome.route ?? "-", () => {
      const lines = steps.map(({ about, name, verdict, why }) => {
        return `${MARKS[verdict]} ${about.padEnd(6)} ${name === undefined ? "" : `${escapeText(name)}: `}${escapeText(why)}`;
      });
      const { state, reason } = outcome.backend ?? {};
      const backend =
        state === "down" ? `  It does not answer now: ${escapeText(reason ?? "nothing is there")}.` : undefined;
      const { backends = [], how = [] } = outcome.choice ?? {};
      const choice = backends.map(({ name, to, eligible, why }) => {
        return `${eligible ? MARKS.wins : MARKS.no} backend ${escapeText(name)}: ${escapeText(to)}; ${escapeText(why)}`;
      });
      const rules = how.map((rule) => `  ${escapeText(rule)}`);
      return [
        ...[...lines, escapeText(outcome.text)],
        ...(backend === undefined ? [] : [backend]),
        ...[...choice, ...rules, ""],
      ].join("\n");
    });
  },
});
