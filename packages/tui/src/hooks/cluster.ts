/** How the cloud is, and whether it can be reached: what the first line shows. */
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import type { RouteOutput } from "@skerry/core/contract/route.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { Changes } from "./changes.ts";

export type ClusterStatus = RouteOutput<typeof nodeRoutes.status>;

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "stale"; readonly sinceMs: number }
  /** The credential is not good any more. */
  | { readonly state: "refused" };

/** A selector that no bucket has: the watch brings signs of life only. */
const HEARTBEATS_ONLY = "skerry-tui-heartbeat";

export class Cluster implements Disposable {
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly #client: Client;
  readonly #nowMs: () => number;
  readonly #ended = new AbortController();
  #link: Link = { state: "connecting" };
  #status: ClusterStatus | undefined;
  #user: string | undefined;
  #asking = false;
  #askAgain = false;
  /** The status is not for this user: each question would be one more denial in the audit log. */
  #denied = false;

  constructor(client: Client, nowMs: () => number) {
    this.#client = client;
    this.#nowMs = nowMs;
    void this.#follow();
  }

  get link(): Link {
    return this.#link;
  }

  /** Undefined until it is known, and for those who may not see it. */
  get status(): ClusterStatus | undefined {
    return this.#status;
  }

  get user(): string | undefined {
    return this.#user;
  }

  /** Something has changed in the cloud: its numbers may have, too. Bounded: one question at a time and a second. */
  ask(): void {
    if (this.#denied) return;
    if (this.#asking) this.#askAgain = true;
    else void this.#ask();
  }

  async #follow(): Promise<void> {
    const events = this.#client.watch(bucketRoutes.list, {
      query: { labels: HEARTBEATS_ONLY },
      signal: this.#ended.signal,
    });
    try {
      for await (const { type } of events) {
        if (type !== "stale") this.#set({ state: "live" });
        else if (this.#link.state !== "stale") this.#set({ state: "stale", sinceMs: this.#nowMs() });
        // All that may be seen is told anew at the start, and when the rights have changed.
        if (type === "reset") this.#denied = false;
        if (type !== "stale") this.ask();
      }
    } catch {
      // A credential that is refused, or sees no buckets: the screen says why. The link is as good as the answers are.
      this.ask();
    }
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      const { signal } = this.#ended;
      this.#user ??= (await this.#client.call(sessionRoutes.whoami, { signal })).userName;
      this.#status = await this.#client.call(nodeRoutes.status, { signal });
      this.#set({ state: "live" });
    } catch (error) {
      this.#denied = isError(error, "forbidden") || isError(error, "unauthenticated");
      if (isError(error, "forbidden")) this.#set({ state: "live" });
      if (isError(error, "unauthenticated")) this.#set({ state: "refused" });
      if (this.#denied) this.#status = undefined;
      // Anything else is said by the watch, or by the screen.
    }
    await sleep(LIMITS.tui.statusPauseMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
    this.#asking = false;
    if (!this.#askAgain || this.#denied || this.#ended.signal.aborted) return;
    this.#askAgain = false;
    void this.#ask();
  }

  #set(link: Link): void {
    if (this.#ended.signal.aborted) return;
    this.#link = link;
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.changes[Symbol.dispose]();
  }
}
