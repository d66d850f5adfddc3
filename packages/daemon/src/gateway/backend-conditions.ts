/** How the workers find the backends of upstreams: for the log, and in words for a status. */
import type { Logger, Metrics } from "@skerry/core/domain/telemetry.ts";
import type { BackendCondition, BackendConditions } from "@skerry/core/gateway/upstreams/conditions.ts";
import type { Condition } from "@skerry/core/gateway/upstreams/guard.ts";
import type { FleetConditions } from "./fleet-ears.ts";

const WORDS = {
  ready: "ready",
  starting: "its weight grows",
  "half-open": "its breaker lets a few requests through",
  ejected: "it has failed and is left out for a while",
  open: "its breaker is open",
  unhealthy: "it fails its health checks",
} as const;

/** A line for each that has changed. */
function tellConditions(
  log: Logger,
  worker: number | undefined,
  before: BackendConditions,
  now: BackendConditions,
): void {
  for (const upstream of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [old, fresh] = [before[upstream] ?? {}, now[upstream] ?? {}];
    for (const backend of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
      const was = old[backend]?.condition ?? "ready";
      const { condition = "ready", why } = fresh[backend] ?? {};
      if (was === condition) continue;
      const said = { worker, upstream, backend, was, condition, ...(why === undefined ? {} : { why }) };
      if (condition === "ready" || condition === "starting") log.info(said, "gateway: a backend is back");
      else log.warn(said, "gateway: a backend gets fewer requests, or none");
    }
  }
}

/** What the workers have last told. */
export class FoundConditions implements FleetConditions {
  readonly #log: Logger;
  readonly #told = new Map<object, BackendConditions>();

  constructor({ log, metrics }: { readonly log: Logger; readonly metrics: Metrics }) {
    this.#log = log;
    metrics.gauge(
      "skerry_gateway_backends_out",
      "Backends of upstreams that get no requests in one worker at least: broken, ejected or unhealthy.",
      () => this.#outCount,
    );
  }

  onConditions(worker: object, pid: number | undefined, conditions: BackendConditions): void {
    tellConditions(this.#log, pid, this.#told.get(worker) ?? {}, conditions);
    this.#told.set(worker, conditions);
  }

  onGone(worker: object): void {
    this.#told.delete(worker);
  }

  /** `workers`: how many there are. Those that have told nothing find it ready. */
  wordsOf(upstream: string, backend: string, workers: number): BackendWords {
    const troubled = [...this.#told.values()].flatMap((told) => told[upstream]?.[backend] ?? []);
    return conditionInWords(troubled, Math.max(workers, troubled.length));
  }

  /** How many of so many workers find it so. */
  statesOf(upstream: string, backend: string, workers: number): Partial<Record<Condition, number>> {
    const states: Partial<Record<Condition, number>> = {};
    let told = 0;
    for (const all of this.#told.values()) {
      const found = all[upstream]?.[backend]?.condition;
      if (found === undefined) continue;
      states[found] = (states[found] ?? 0) + 1;
      told++;
    }
    return { ...states, ready: Math.max(0, workers - told) };
  }

  /** Backends that get no requests in one worker at least. */
  get #outCount(): number {
    const out = new Set<string>();
    for (const told of this.#told.values()) {
      for (const [upstream, backends] of Object.entries(told)) {
        for (const [name, one] of Object.entries(backends)) if (isOut(one.condition)) out.add(`${upstream}/${name}`);
      }
    }
    return out.size;
  }
}

export interface BackendWords {
  readonly state: "ready" | "down";
  readonly reason?: string;
}

/** Down when no worker sends it requests. `troubled`: what those find to whom it is not ready. */
function conditionInWords(troubled: readonly BackendCondition[], workers: number): BackendWords {
  const [first] = troubled;
  if (first === undefined) return { state: "ready" };
  const out = troubled.filter(({ condition }) => isOut(condition));
  const { condition, why } = out[0] ?? first;
  const where = troubled.length === workers ? "" : ` in ${troubled.length} of ${workers} workers`;
  const reason = `${WORDS[condition]}${why === undefined ? "" : ` (${why})`}${where}`;
  return { state: out.length === workers ? "down" : "ready", reason };
}

function isOut(condition: BackendCondition["condition"]): boolean {
  return condition === "open" || condition === "ejected" || condition === "unhealthy";
}
