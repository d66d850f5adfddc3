/** What a route says of who may come in, and how much, from flags. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { PRIORITIES } from "@skerry/core/contract/lists.ts";
import { parseSize } from "../container/size.ts";

export const GUARD_OPTIONS = {
  allow: { type: "array", describe: "Take requests from this network, address or iplist/NAME alone (again for more)" },
  block: { type: "array", describe: "Take none from this one; it wins over --allow (again for more)" },
  access: { type: "string", choices: ["all"], describe: "Takes back what was said of addresses" },
  rate: {
    type: "array",
    describe: "BY=REQUESTS/TIME[+BURST], e.g. ip=100/1m+20; BY is ip, header:NAME, route or project (again for more)",
  },
  "in-flight": { type: "string", describe: "So many requests are served at once" },
  "in-flight-per-client": { type: "string", describe: "Of them, so many of one client in each worker" },
  "max-body": { type: "string", describe: "Largest body of a request, e.g. 10m" },
  "max-headers": { type: "string", describe: "Largest head of a request, e.g. 8k" },
  priority: {
    type: "string",
    choices: PRIORITIES,
    describe: "Who is refused first when there is too much to do (default: normal)",
  },
  limits: { type: "string", choices: ["none"], describe: "Takes back what was said of rates and other limits" },
} as const;

type Access = NonNullable<RouteView["spec"]["access"]>;
type Limits = NonNullable<RouteView["spec"]["limits"]>;
type Priority = (typeof PRIORITIES)[number];
type RateRule = NonNullable<Limits["rate"]>[number];
interface Flags {
  readonly allow: readonly string[];
  readonly block: readonly string[];
  readonly access: string | undefined;
  readonly rate: readonly string[];
  readonly limits: string | undefined;
  readonly priority: Priority | undefined;
  readonly "in-flight": string | undefined;
  readonly "in-flight-per-client": string | undefined;
  readonly "max-body": string | undefined;
  readonly "max-headers": string | undefined;
}
const NUMBERS = ["in-flight", "in-flight-per-client", "max-body", "max-headers"] as const;
interface Guards {
  readonly access?: Access | undefined;
  readonly limits?: Limits | undefined;
}

export function namesGuards(flags: Flags): boolean {
  return namesAccess(flags) || namesLimits(flags) || flags.priority !== undefined;
}

/** What is said; each list takes the place of what was there. @throws `invalid`. */
export function guardsOf(flags: Flags, before: Guards = {}): { access?: Access; limits?: Limits; priority?: Priority } {
  return {
    ...(namesAccess(flags) ? { access: accessOf(flags, before.access) } : {}),
    ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    ...(namesLimits(flags) ? { limits: limitsOf(flags, before.limits) } : {}),
  };
}

function namesAccess({ allow, block, access }: Flags): boolean {
  return allow.length + block.length > 0 || access !== undefined;
}

function namesLimits(flags: Flags): boolean {
  return flags.rate.length > 0 || flags.limits !== undefined || NUMBERS.some((name) => flags[name] !== undefined);
}

function accessOf(flags: Flags, before: Access | undefined): Access {
  const { allow, block } = flags.access === undefined ? (before ?? {}) : {};
  const lists = {
    allow: flags.allow.length > 0 ? separated(flags.allow) : allow,
    block: flags.block.length > 0 ? separated(flags.block) : block,
  };
  return { ...(lists.allow && { allow: lists.allow }), ...(lists.block && { block: lists.block }) };
}

function limitsOf(flags: Flags, before: Limits | undefined): Limits {
  const kept = flags.limits === undefined ? (before ?? {}) : {};
  const count = (flag: (typeof NUMBERS)[number]) => {
    const text = flags[flag] ?? "";
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new SkerryError("invalid", `--${flag} ${JSON.stringify(text)} is not a number.`, {
      hint: `Like --${flag} 10`,
    });
  };
  const { "in-flight": all, "in-flight-per-client": each, "max-body": body, "max-headers": head } = flags;
  return {
    ...kept,
    ...(flags.rate.length > 0 ? { rate: flags.rate.map(readRate) } : {}),
    ...(all === undefined ? {} : { inFlight: count("in-flight") }),
    ...(each === undefined ? {} : { inFlightPerClient: count("in-flight-per-client") }),
    ...(body === undefined ? {} : { maxBodyBytes: parseSize(body, "--max-body") }),
    ...(head === undefined ? {} : { maxHeaderBytes: parseSize(head, "--max-headers") }),
  };
}

function readRate(text: string): RateRule {
  const match = /^([^=]+)=(\d{1,9})\/([^+]+)(?:\+(\d{1,9}))?$/.exec(text);
  if (match === null) {
    throw new SkerryError("invalid", `${JSON.stringify(text)} is not a rate.`, {
      hint: "Like --rate ip=100/1m, or --rate header:X-Api-Key=1000/1h+50",
    });
  }
  const [, by = "", requests, per = "", burst] = match;
  return { by, requests: Number(requests), per, ...(burst === undefined ? {} : { burst: Number(burst) }) };
}

function separated(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(",")).map((text) => text.trim());
}
