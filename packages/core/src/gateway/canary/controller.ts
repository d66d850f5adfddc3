/**
 * Looks after all canaries, once a second while there is one. Each move is one change of its route, made only if that is still
 * as it was when it was judged; all that must last is in the route.
 */
import { isError } from "../../domain/errors.ts";
import type { Route } from "../../domain/gateway.ts";
import type { Job, JobContext } from "../../domain/jobs.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";
import { isLive } from "../../domain/route-canary.ts";
import type { Logger } from "../../domain/telemetry.ts";
import type { RouteEntry, RouteService } from "../routes.ts";
import { NOTHING, type Seen, sumOf } from "./judge.ts";
import { CanaryWatch, type Counts, type Move } from "./watch.ts";

/** A route with a canary that runs, or is paused. */
export interface CanaryPlace {
  readonly uid: string;
  /** Uid of its project. */
  readonly project: string;
  readonly name: string;
}

export interface CanaryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly routes: Pick<RouteService, "find" | "update">;
  /** Those that are to be looked after now. */
  readonly live: () => readonly CanaryPlace[];
  /** What has come to a variant since the daemon's start; undefined: nothing. */
  readonly seen: (uid: string, variant: string) => Seen | undefined;
  /** Told of each move, once it is made. */
  readonly onMove: (entry: RouteEntry, move: Move) => Promise<void>;
}

/** Name of the job. */
export const CANARY_JOB = "gateway.canary";

export class CanaryController {
  readonly #options: CanaryOptions;
  /** By uid of the route. */
  readonly #watches = new Map<string, CanaryWatch>();

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** What is found of the canary of a route at present; undefined: it is not looked after. */
  found(uid: string): CanaryWatch["found"] | undefined {
    return this.#watches.get(uid)?.found;
  }

  /** To be woken when there is one: it ends when there is none. */
  readonly job: Job = {
    name: CANARY_JOB,
    summary: "Moves requests to canaries step by step, and back when they fail",
    run: (context) => this.#run(context),
  };

  async #run({ signal }: JobContext): Promise<void> {
    const { clock, live, log } = this.#options;
    while (!signal.aborted) {
      const places = live();
      const uids = new Set(places.map(({ uid }) => uid));
      for (const uid of this.#watches.keys()) if (!uids.has(uid)) this.#watches.delete(uid);
      if (places.length === 0) return;
      for (const place of places) {
        await this.#look(place).catch((error: unknown) =>
          log.warn({ error, route: place.uid }, "gateway: a canary cannot be looked after; it is tried again"),
        );
      }
      await clock.sleep(LIMITS.canary.lookEveryMs, signal).catch(() => undefined);
    }
  }

  async #look({ uid, project, name }: CanaryPlace): Promise<void> {
    const { routes, clock } = this.#options;
    const found = await routes.find(project, name);
    const { canary, rollout } = found?.route.spec ?? {};
    if (found?.route.meta.uid !== uid || canary === undefined || rollout === undefined || !isLive(rollout)) {
      this.#watches.delete(uid);
      return;
    }
    const counts = this.#countsOf(found.route, canary.variant);
    let watch = this.#watches.get(uid);
    if (watch?.isOf(canary, rollout) !== true) {
      watch = new CanaryWatch(canary, rollout, counts, clock.monotonicMs());
      this.#watches.set(uid, watch);
    }
    const move = watch.look(counts, clock.monotonicMs());
    if (move !== undefined) await this.#move(found, move);
  }

  #countsOf({ meta, spec }: Route, canary: string): Counts {
    const seen = (variant: string) => this.#options.seen(meta.uid, variant) ?? NOTHING;
    const others = (spec.split?.variants ?? []).filter(({ name }) => name !== canary);
    return { own: seen(canary), others: sumOf(others.map(({ name }) => seen(name))) };
  }

  async #move({ route, revision }: RouteEntry, move: Move): Promise<void> {
    const { routes, onMove } = this.#options;
    const { project, name } = route.meta;
    try {
      await onMove(await routes.update(project, name, { turn: move, revision }), move);
    } catch (error) {
      // Somebody has changed or removed it meanwhile: it is judged anew.
      if (!isError(error, "conflict") && !isError(error, "not_found")) throw error;
    }
  }
}
