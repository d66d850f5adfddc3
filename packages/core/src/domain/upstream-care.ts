/** What an upstream does about backends that fail or are slow. Plain rules; `gateway/upstreams` keeps them. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** What is absent is as `USUAL_CARE` has it. */
export interface BreakerSpec {
  /** Failures in a row that open it. */
  readonly failures?: number;
  /** Failures of so many percent of the requests within `windowMs` open it, too, when they are `minRequests` or more. */
  readonly ratioPercent?: number;
  readonly windowMs?: number;
  readonly minRequests?: number;
  /** It stays open for so long, then for twice as long each time, `maxOpenMs` at most. */
  readonly openMs?: number;
  readonly maxOpenMs?: number;
  /** Requests that are let through to see whether it closes again. All of them must succeed. */
  readonly probes?: number;
}

export interface EjectionSpec {
  /** Failures in a row after which a backend gets no requests. */
  readonly failures?: number;
  /** For so long, then for twice, three times ... as long. */
  readonly baseMs?: number;
  /** Of the backends; one may always be, all never. */
  readonly maxPercent?: number;
}

/** Asked for by each worker, on connections of its own. */
export interface HealthSpec {
  /** Absent: a connection is enough. */
  readonly path?: string;
  /** Sent as Host. Absent: that of the backend. */
  readonly host?: string;
  /** Good answers: `200` or `200-399`. */
  readonly status?: string;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  /** Good answers in a row that make one healthy again, and bad ones that make it unhealthy. */
  readonly healthy?: number;
  readonly unhealthy?: number;
}

export interface UpstreamCare {
  readonly breaker?: BreakerSpec;
  readonly ejection?: EjectionSpec;
  readonly health?: HealthSpec;
  /** The weight of a backend that is new, or comes back, grows for so long. */
  readonly slowStartMs?: number;
}
/** What is meant where nothing is said. */
export const USUAL_CARE = {
  breaker: {
    ...{ failures: 5, ratioPercent: 50, minRequests: 20, probes: 1 },
    ...{ windowMs: 10_000, openMs: 5000, maxOpenMs: 60_000 },
  },
  ejection: { failures: 5, baseMs: 30_000, maxPercent: 50 },
  health: { intervalMs: 5000, timeoutMs: 2000, healthy: 2, unhealthy: 3 },
  status: "200-399",
} as const;
/** A part that is null is not any more; one that is absent stays. */
export type CareChange = { readonly [K in keyof UpstreamCare]: UpstreamCare[K] | null | undefined };
export const CARE_NAMES = [
  "breaker",
  "ejection",
  "health",
  "slowStartMs",
] as const satisfies readonly (keyof UpstreamCare)[];

const { care } = LIMITS;
/** Least and most. */
export const CARE_BOUNDS = {
  breaker: {
    ...{ failures: [1, 1000], ratioPercent: [1, 100], minRequests: [1, 100_000], probes: [1, 100] },
    ...{ windowMs: [1000, care.maxWindowMs], openMs: [100, care.maxOpenMs], maxOpenMs: [100, care.maxOpenMs] },
  },
  ejection: { failures: [1, 1000], baseMs: [100, care.maxEjectedMs], maxPercent: [1, 100] },
  health: {
    ...{ intervalMs: [care.minIntervalMs, care.maxIntervalMs], timeoutMs: [100, care.maxProbeMs] },
    ...{ healthy: [1, 100], unhealthy: [1, 100] },
  },
} as const satisfies Record<string, Record<string, readonly [number, number]>>;

/** @throws `invalid`. */
export function checkCare(change: CareChange): CareChange {
  const { slowStartMs, health } = change;
  for (const part of ["breaker", "ejection", "health"] as const) {
    const said = change[part] as Readonly<Record<string, unknown>> | null | undefined;
    for (const [name, [least, most]] of Object.entries(CARE_BOUNDS[part])) {
      if (said?.[name] !== undefined) assertWithin(`${part}.${name}`, said[name] as number, least, most);
    }
  }
  if (slowStartMs !== undefined && slowStartMs !== null)
    assertWithin("slowStartMs", slowStartMs, 0, care.maxSlowStartMs);
  if (health) checkHealth(health);
  return change;
}

function checkHealth({ path, status, host }: HealthSpec): void {
  if (path !== undefined && !/^\/[!-~]{0,2047}$/.test(path)) {
    throw refuse(
      "health.path",
      `${JSON.stringify(path)} is no path.`,
      "Like /healthz: it begins with /, and has no spaces.",
    );
  }
  if (host !== undefined && !/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host)) {
    throw refuse("health.host", `${JSON.stringify(host)} is no host.`, "Like app.internal or app.internal:8080.");
  }
  const [from, to] = statusesOf(status);
  if (status === undefined || (/^\d{3}(-\d{3})?$/.test(status) && from >= 100 && from <= to && to <= 599)) return;
  throw refuse("health.status", `${JSON.stringify(status)} is no range of statuses.`, "Like 200 or 200-399.");
}

/** First and last of the good ones. */
export function statusesOf(status: string = USUAL_CARE.status): readonly [from: number, to: number] {
  const [from = "", to = from] = status.split("-");
  return [Number(from), Number(to)];
}

/** The spec as it is after the change, which was checked. */
export function withCare(before: UpstreamCare, change: CareChange): UpstreamCare {
  const parts = CARE_NAMES.map((name) => [name, change[name] === undefined ? before[name] : change[name]] as const);
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined && part !== null && part !== 0));
}

/** What a spec says of it, and nothing else; undefined: nothing. */
export function careOf(spec: UpstreamCare): UpstreamCare | undefined {
  const said = withCare(spec, {} as CareChange);
  return Object.keys(said).length === 0 ? undefined : said;
}

function assertWithin(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refuse(field, `It is ${least} to ${most} here, not ${value}.`, "Times are in milliseconds.");
}

function refuse(field: string, message: string, hint: string): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: `spec.${field}` } });
}
