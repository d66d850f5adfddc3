/** What an upstream does about backends that fail, from flags. */
import type { UpstreamView } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { Flags } from "../command.ts";
import { millisecondsOf, wholeNumberOf } from "../route/delivery-flags.ts";

export const CARE_OPTIONS = {
  health: {
    type: "string",
    describe: "Ask backends: path=/healthz,every=5s,timeout=2s,healthy=2,unhealthy=3,status=200-399,host=H; tcp; none",
  },
  breaker: {
    type: "string",
    describe:
      "Spare those that fail: failures=5,ratio=50,window=10s,requests=20,open=5s,max-open=1m,probes=1; on; none",
  },
  ejection: { type: "string", describe: "Leave out those that fail: failures=5,for=30s,max=50 (percent); on; none" },
  "slow-start": { type: "string", describe: "The weight of one that is new or comes back grows for so long; 0s: not" },
} as const;
type CareFlags = Flags<typeof CARE_OPTIONS>;

type Care = Pick<UpstreamView["spec"], "breaker" | "ejection" | "health" | "slowStartMs">;
type Kind = "time" | "number" | "percent" | "text";

const PARTS = {
  health: {
    ...{ path: ["path", "text"], host: ["host", "text"], status: ["status", "text"] },
    ...{ every: ["intervalMs", "time"], timeout: ["timeoutMs", "time"] },
    ...{ healthy: ["healthy", "number"], unhealthy: ["unhealthy", "number"] },
  },
  breaker: {
    ...{ failures: ["failures", "number"], ratio: ["ratioPercent", "percent"], window: ["windowMs", "time"] },
    ...{ requests: ["minRequests", "number"], open: ["openMs", "time"], "max-open": ["maxOpenMs", "time"] },
    probes: ["probes", "number"],
  },
  ejection: { failures: ["failures", "number"], for: ["baseMs", "time"], max: ["maxPercent", "percent"] },
} as const satisfies Record<string, Record<string, readonly [field: string, kind: Kind]>>;

/** What is not said is not there; null is not any more. Each is replaced as a whole. @throws `invalid`. */
export function careOf(flags: CareFlags): { readonly [K in keyof Care]?: Care[K] | null } {
  const said = (["health", "breaker", "ejection"] as const).flatMap((part) => {
    const text = flags[part];
    return text === undefined ? [] : [[part, partOf(part, text)] as const];
  });
  const slowStart = flags["slow-start"];
  const slow = slowStart === undefined ? {} : { slowStartMs: millisecondsOf(slowStart, "--slow-start") };
  return { ...(Object.fromEntries(said) as ReturnType<typeof careOf>), ...slow };
}

/** For one that is made: nothing is taken back. */
export function newCare(flags: CareFlags): Care {
  return Object.fromEntries(Object.entries(careOf(flags)).filter(([, part]) => part !== null));
}

function partOf(part: keyof typeof PARTS, text: string): Record<string, unknown> | null {
  if (text === "none") return null;
  if (text === "on" || text === "tcp") return {};
  const fields: Readonly<Record<string, readonly [string, Kind]>> = PARTS[part];
  const pairs = text.split(",").map((pair): [string, unknown] => {
    const at = pair.indexOf("=");
    const [field, kind] = fields[pair.slice(0, Math.max(0, at))] ?? [];
    if (field === undefined || kind === undefined) {
      throw new SkerryError("invalid", `--${part}: ${JSON.stringify(pair)} says nothing.`, {
        hint: `It takes ${Object.keys(fields).join(", ")}, each with =VALUE; on for what is usual, none to take it back.`,
      });
    }
    return [field, readValue(kind, pair.slice(at + 1), `--${part}`)];
  });
  return Object.fromEntries(pairs);
}

function readValue(kind: Kind, text: string, flag: string): string | number {
  if (kind === "text") return text;
  if (kind === "time") return millisecondsOf(text, flag);
  return wholeNumberOf(kind === "percent" ? text.replace(/%$/, "") : text, flag);
}
