import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { CANARY_ACTIONS } from "@skerry/core/contract/lists.ts";
import { escapeText } from "@skerry/core/contract/present/escape.ts";
import { canaryLines } from "@skerry/core/contract/present/route-actions.ts";
import { defineCommand, type Flags } from "../command.ts";
import { assertRouteName } from "./name.ts";

const OPTIONS = {
  variant: { type: "string", describe: "Of the split: the one that is to get more and more" },
  steps: { type: "string", describe: "Percent of the requests, step by step (default 5,25,50,100)" },
  every: { type: "string", describe: "Each step lasts so long at least (default 5m)" },
  "max-error-percent": { type: "string", describe: "Lead it back when more of its requests fail (default 5)" },
  "max-p95": { type: "string", describe: "Lead it back when 95 % of them take longer: 300ms, 2s" },
  "min-requests": { type: "string", describe: "Judge nothing by less of them (default 50)" },
} as const;
const ACTIONS = ["status", ...CANARY_ACTIONS] as const;
type Canary = NonNullable<RouteView["spec"]["canary"]>;

export default defineCommand({
  usage: "ACTION NAME",
  args: [2, 2],
  options: OPTIONS,
  example: "route canary start app-example-com --variant next",
  more: [
    ["route canary status app-example-com", "how far it is, and why"],
    ["route canary pause app-example-com", "stay at this share; resume goes on"],
    ["route canary promote app-example-com", "all requests now"],
    ["route canary abort app-example-com", "none from now on"],
  ],
  details:
    "One variant of a split gets more requests step by step, while its errors and times stay below the limits, and none when " +
    "they do not: ACTION is start, status, pause, resume, promote or abort. What fails for the other variants as often is " +
    "not held against it. Of start, what is not said stays as it was.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [action, name = ""] = args;
    const known = ACTIONS.find((one) => one === action);
    if (known === undefined) {
      throw new SkerryError("invalid", `${JSON.stringify(action)} is nothing that can be done to a canary.`, {
        hint: `There are ${ACTIONS.join(", ")}: skerry route canary status NAME`,
      });
    }
    assertRouteName(name);
    const isSaid = Object.keys(OPTIONS).some((flag) => flags[flag as keyof typeof OPTIONS] !== undefined);
    if (isSaid && known !== "start") {
      throw new SkerryError("invalid", "What is to hold for a canary is said when it starts.", {
        hint: `skerry route canary start ${name} ...`,
      });
    }
    const client = await invocation.client();
    const project = await invocation.project();
    const named = { params: { name }, query: project === undefined ? {} : { project }, signal: invocation.signal };
    const before = known === "status" || isSaid ? await client.call(routeRoutes.get, named) : undefined;
    if (known === "status") return await show(invocation, before as RouteView);
    const canary = isSaid ? canaryOf(flags, before?.spec.canary) : undefined;
    const route = await client.call(routeRoutes.canary, {
      ...named,
      body: { action: known, ...(canary === undefined ? {} : { canary }) },
    });
    const { phase, percent } = route.status?.canary ?? {};
    await invocation.output.done("route", name, `canary ${phase} at ${percent} %`, route);
  },
});

async function show(
  { output }: Parameters<ReturnType<typeof defineCommand>["run"]>[0],
  { meta, spec, status }: RouteView,
): Promise<void> {
  if (spec.canary === undefined || status?.canary === undefined) {
    throw new SkerryError("not_found", `The route ${meta.name} has no canary.`, {
      hint: `Start one: skerry route canary start ${meta.name} --variant NAME`,
    });
  }
  const text = canaryLines(spec.canary, status.canary).map(escapeText).join("\n");
  await output.value({ canary: spec.canary, status: status.canary }, status.canary.phase, () => `${text}\n`);
}

/** @throws `invalid`. */
function canaryOf(flags: Flags<typeof OPTIONS>, before: Canary | undefined): Canary {
  const { variant = before?.variant, steps, every } = flags;
  if (variant === undefined) throw refuse("--variant is missing: which of the split is the canary?");
  const p95 = flags["max-p95"];
  const [errors, requests] = [flags["max-error-percent"], flags["min-requests"]];
  return {
    ...before,
    variant,
    ...(steps === undefined ? {} : { steps: steps.split(",").map((step) => numberOf("steps", step)) }),
    ...(every === undefined ? {} : { every }),
    ...(errors === undefined ? {} : { maxErrorPercent: numberOf("max-error-percent", errors) }),
    ...(p95 === undefined ? {} : { maxP95Ms: millisecondsOf(p95) }),
    ...(requests === undefined ? {} : { minRequests: numberOf("min-requests", requests) }),
  };
}

function numberOf(flag: string, text: string): number {
  const value = Number(text.trim().replace(/%$/, ""));
  if (text.trim() === "" || !Number.isFinite(value)) throw refuse(`--${flag} ${JSON.stringify(text)} is no number.`);
  return value;
}

function millisecondsOf(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  if (amount === undefined) throw refuse(`--max-p95 ${JSON.stringify(text)} is no time.`);
  return Number(amount) * (unit === "s" ? 1000 : 1);
}

function refuse(message: string): SkerryError {
  return new SkerryError("invalid", message, {
    hint: "Like this: --variant next --steps 5,25,50,100 --every 5m --max-error-percent 5 --max-p95 300ms",
  });
}
