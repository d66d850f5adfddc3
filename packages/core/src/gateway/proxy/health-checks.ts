/**
 * Active health checks of one worker: each backend of an upstream that asks for it is probed now and then, a little earlier or
 * later each time. Probes have connections of their own, from no pool: what traffic does to a backend's connections is no news.
 */
import { type HealthSpec, USUAL_CARE } from "../../domain/upstream-care.ts";
import type { Backend } from "../table.ts";
import type { BackendState } from "../upstreams/state.ts";
import type { Context } from "./context.ts";
import type { Reach } from "./dial.ts";
import type { BackendPool } from "./pool.ts";
import { Probe } from "./probe.ts";

const { health: usual } = USUAL_CARE;
/** The first probe comes within this, so that those of many backends do not come at once. */
const FIRST_WITHIN_MS = 500;
/** The pause is shorter or longer by up to so much of it. */
const JITTER = 0.2;

class Check {
  readonly key: string;
  readonly #context: Context;
  readonly #backend: Backend;
  readonly #pool: BackendPool;
  readonly #spec: HealthSpec & Record<keyof typeof usual, number>;
  readonly #state: BackendState;
  #deadline: ReturnType<Context["deadlines"]["add"]> | undefined;
  #probe: Probe | undefined;
  #good = 0;
  #bad = 0;
  #isFirst = true;

  constructor(
    key: string,
    context: Context,
    backend: Backend,
    pool: BackendPool,
    spec: HealthSpec,
    state: BackendState,
  ) {
    this.key = key;
    this.#context = context;
    this.#backend = backend;
    this.#spec = { ...usual, ...spec };
    this.#state = state;
    this.#pool = pool;
    this.#in(Math.min(FIRST_WITHIN_MS, this.#spec.intervalMs) * context.options.random.fraction());
  }

  stop(): void {
    if (this.#deadline !== undefined) this.#context.deadlines.delete(this.#deadline);
    this.#probe?.callOff();
    this.#pool.close();
  }

  #in(ms: number): void {
    this.#deadline = this.#context.deadlines.add(this.#context.coarseMs + ms, () => this.#run());
  }

  #run(): void {
    if (this.#context.isDraining) return;
    // Connections of HTTP/2 outlive a probe.
    this.#pool.sweep(this.#context.coarseMs);
    this.#context.stats.probes++;
    this.#probe = new Probe(this.#context, this.#backend, this.#spec, this.#spec.timeoutMs, (trouble) =>
      this.#take(trouble),
    );
    this.#pool.take(this.#probe, true);
  }

  #take(trouble: string | undefined): void {
    this.#probe = undefined;
    const { guard, tally } = this.#state;
    if (trouble === undefined) tally.checksPassed++;
    else tally.checksFailed++;
    const { healthy, unhealthy, intervalMs } = this.#spec;
    this.#good = trouble === undefined ? this.#good + 1 : 0;
    this.#bad = trouble === undefined ? 0 : this.#bad + 1;
    const nowMs = this.#context.coarseMs;
    if (guard?.isHealthy === true) {
      // Nobody has seen it well yet: one is enough.
      if (this.#bad >= (this.#isFirst ? 1 : unhealthy)) guard.found(trouble, nowMs);
    } else if (this.#good >= healthy) guard?.found(undefined, nowMs);
    else if (trouble !== undefined) guard?.found(trouble, nowMs);
    if (trouble === undefined) this.#isFirst = false;
    this.#in(intervalMs * (1 - JITTER + 2 * JITTER * this.#context.options.random.fraction()));
  }
}

type PoolOf = (backend: Backend, reach: Reach) => BackendPool;

export class HealthChecks {
  readonly #context: Context;
  readonly #poolOf: PoolOf;
  /** Id of the upstream -> name of the backend. */
  readonly #checks = new Map<string, Map<string, Check>>();

  /** `poolOf` gives one that nobody else has. */
  constructor(context: Context, poolOf: PoolOf) {
    this.#context = context;
    this.#poolOf = poolOf;
  }

  /** Those of an upstream that are to be from now on; what is checked already goes on. */
  set(id: string, wanted: readonly (readonly [Backend, Reach, HealthSpec, BackendState])[]): void {
    const before = this.#checks.get(id);
    const next = new Map<string, Check>();
    for (const [backend, reach, spec, state] of wanted) {
      const name = backend.name ?? "";
      const { weight: _weight, drain: _drain, ...where } = backend;
      const key = JSON.stringify([where, reach, spec]);
      const known = before?.get(name);
      const isKnown = known?.key === key;
      next.set(
        name,
        isKnown ? known : new Check(key, this.#context, backend, this.#poolOf(backend, reach), spec, state),
      );
    }
    for (const [name, check] of before ?? []) if (next.get(name) !== check) check.stop();
    if (next.size === 0) this.#checks.delete(id);
    else this.#checks.set(id, next);
  }

  stop(): void {
    for (const id of [...this.#checks.keys()]) this.set(id, []);
  }
}
