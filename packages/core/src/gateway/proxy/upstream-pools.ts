/** The pools of all backends, and which of an upstream's backends is chosen. */
import { createHash } from "node:crypto";
import type { SkerryError } from "../../domain/errors.ts";
import type { Backend, TableEntry, Upstream } from "../table.ts";
import type { BackendCondition, BackendConditions } from "../upstreams/conditions.ts";
import { quickFractions } from "../upstreams/fractions.ts";
import { nobodyLeft } from "../upstreams/nobody.ts";
import { type RoutesChange, UpstreamRegistry } from "../upstreams/registry.ts";
import { Ring } from "../upstreams/ring.ts";
import { BackendState, type UpstreamState } from "../upstreams/state.ts";
import { type Asking, Choice, type Member, memberOf } from "./choice.ts";
import type { Context } from "./context.ts";
import type { Reach } from "./dial.ts";
import { HealthChecks } from "./health-checks.ts";
import { NO_UPSTREAM } from "./own-errors.ts";
import { BackendPool } from "./pool.ts";

/** What was agreed under one rule, or in one protocol, is shared with no other. */
function tcpKey(
  { tls, protocol = "auto", host, port, tlsRule }: Extract<Backend, { kind: "tcp" }>,
  reach: Reach,
): string {
  return `${reach} ${tls ? "tls" : "tcp"} ${protocol} ${host} ${port} ${tlsRule?.id ?? ""}`;
}

/** Circles that are kept for one upstream: routes with other tags have others. */
const MAX_RINGS = 8;

/** Backends of different reach share nothing: their addresses were checked differently. */
export class UpstreamPools {
  readonly registry = new UpstreamRegistry();
  readonly #context: Context;
  /** Weak: a pool lives as long as an upstream that has it, or a connection of it. */
  readonly #byKey = new Map<string, WeakRef<BackendPool>>();
  /** Those that have, or are about to have, connections. */
  readonly #active = new Set<BackendPool>();
  readonly #choices = new WeakMap<Upstream, Choice>();
  /** Of an upstream that has a name: alike for all routes that make the same of it, and by what that is. */
  readonly #shared = new WeakMap<UpstreamState, Map<string, WeakRef<Choice>>>();
  readonly #rings = new WeakMap<UpstreamState, Map<string, Ring>>();
  readonly #fraction: () => number;
  readonly #checks: HealthChecks;

  constructor(context: Context) {
    this.#context = context;
    this.#checks = new HealthChecks(context, (backend, reach) => this.#poolApart(backend, reach));
    this.#fraction = quickFractions(context.options.random);
  }

  /** @see Choice.choose */
  choose(upstream: Upstream, asking: Asking, tried: readonly Member[]): Member | undefined {
    return this.#choiceOf(upstream).choose(asking, tried, this.#context.coarseMs);
  }

  /** @see Choice.isBound */
  isBound(upstream: Upstream, asking: Asking): boolean {
    return this.#choiceOf(upstream).isBound(asking);
  }

  #choiceOf(upstream: Upstream): Choice {
    return this.#choices.get(upstream) ?? this.#begin(upstream);
  }

  /** What is known of backends stays while a route leads to their upstream. Before the table that has the change. */
  apply(change: RoutesChange): void {
    const nowMs = this.#context.coarseMs;
    for (const id of this.registry.apply(change, nowMs)) this.#meet(id, nowMs);
  }

  /** Backends are known, and checked, before the first request comes. */
  #meet(id: string, nowMs: number): void {
    const state = this.registry.find(id);
    const checked = new Map<string, Parameters<HealthChecks["set"]>[1][number]>();
    for (const { backends, care, reach } of this.registry.viewsOf(id)) {
      for (const backend of backends) {
        const { name, drain, reach: own = reach } = backend;
        if (name === undefined || drain) continue;
        const pool = this.#poolOf(backend, own);
        const known = state?.backend(name, pool.key, care, nowMs);
        known?.watch(pool);
        if (known !== undefined && care?.health !== undefined) checked.set(name, [backend, own, care.health, known]);
      }
    }
    this.#checks.set(id, [...checked.values()]);
  }

  /** How backends are that are not quite ready. */
  conditions(): BackendConditions {
    const nowMs = this.#context.coarseMs;
    const all: Record<string, Record<string, BackendCondition>> = {};
    for (const { id, backends } of this.registry.states) {
      for (const { name, guard } of backends) {
        const condition = guard?.conditionAt(nowMs) ?? "ready";
        if (condition === "ready" || name === undefined) continue;
        all[id] = {
          ...all[id],
          [name]: { condition, ...(guard?.trouble === undefined ? {} : { why: guard.trouble }) },
        };
      }
    }
    return all;
  }

  /** Why none of the upstream's backends is chosen at first. */
  refusalOf({ upstream }: TableEntry): SkerryError {
    const state = upstream.id === undefined ? undefined : this.registry.find(upstream.id);
    const names = new Set(upstream.backends.flatMap(({ name, drain }) => (drain ? [] : (name ?? []))));
    const guards = [...(state?.backends ?? [])].flatMap(({ name, guard }) =>
      guard === undefined || !names.has(name ?? "") ? [] : [guard],
    );
    return guards.length === 0 ? NO_UPSTREAM : nobodyLeft(guards, this.#context.coarseMs);
  }

  #begin(upstream: Upstream): Choice {
    const state = upstream.id === undefined ? undefined : this.registry.find(upstream.id);
    const choice = state === undefined ? this.#make(upstream, state) : this.#sharedChoice(upstream, state);
    this.#choices.set(upstream, choice);
    return choice;
  }

  #sharedChoice(upstream: Upstream, state: UpstreamState): Choice {
    const known = this.#shared.get(state) ?? new Map<string, WeakRef<Choice>>();
    this.#shared.set(state, known);
    const key = createHash("sha256").update(JSON.stringify(upstream)).digest("base64");
    const found = known.get(key)?.deref();
    if (found !== undefined) return found;
    for (const [old, one] of known) if (one.deref() === undefined) known.delete(old);
    const made = this.#make(upstream, state);
    known.set(key, new WeakRef(made));
    return made;
  }

  #make(upstream: Upstream, state: UpstreamState | undefined): Choice {
    const taken = upstream.backends.filter(({ drain }) => !drain);
    const members = taken.map((backend) => {
      const pool = this.#poolOf(backend, backend.reach ?? upstream.reach);
      const { name } = backend;
      const known =
        name === undefined ? undefined : state?.backend(name, pool.key, upstream.care, this.#context.coarseMs);
      return memberOf(backend, pool, known ?? new BackendState(name, pool.key), upstream);
    });
    let ring: Ring | undefined;
    return new Choice(upstream, members, this.#fraction, (balanced) => {
      ring ??= this.#ringOf(balanced, state);
      return ring;
    });
  }

  /** The same again while the backends and their weights are the same, whatever else changes. */
  #ringOf(members: readonly Member[], state: UpstreamState | undefined): Ring {
    const standing = members.map(({ name, share }) => ({ name, weight: share }));
    const key = JSON.stringify(standing);
    const known = (state && this.#rings.get(state)) ?? new Map<string, Ring>();
    const found = known.get(key);
    if (found !== undefined) return found;
    this.#context.stats.ringBuilds++;
    const ring = new Ring(standing);
    if (state === undefined) return ring;
    const [oldest] = known.keys();
    if (known.size >= MAX_RINGS && oldest !== undefined) known.delete(oldest);
    this.#rings.set(state, known.set(key, ring));
    return ring;
  }

  /** With connections that no request gets. */
  #poolApart(backend: Backend, reach: Reach): BackendPool {
    return new BackendPool(backend, reach, "", this.#context, () => undefined);
  }

  #poolOf(backend: Backend, reach: Reach): BackendPool {
    const key = backend.kind === "unix" ? `unix ${backend.path}` : tcpKey(backend, reach);
    let pool = this.#byKey.get(key)?.deref();
    if (pool === undefined) {
      pool = new BackendPool(backend, reach, key, this.#context, (one) => this.#active.add(one));
      this.#byKey.set(key, new WeakRef(pool));
    }
    return pool;
  }

  /** Gives when to look again. */
  sweep(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const pool of this.#active) {
      if (pool.sweep(nowMs)) nextMs = nowMs;
      if (pool.isEmpty) this.#active.delete(pool);
    }
    for (const [key, pool] of this.#byKey) if (pool.deref() === undefined) this.#byKey.delete(key);
    return nextMs;
  }

  close(): void {
    this.#checks.stop();
    for (const pool of this.#active) pool.close();
  }
}
