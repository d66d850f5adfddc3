/** A route with a cache between real sockets; time is moved on by hand. */
import { type Cache, canonicalCache } from "../domain/cache-rules.ts";
import type { RouteActions } from "../domain/route-actions.ts";
import type { ActionLimits } from "../gateway/actions/action-limits.ts";
import type { CommonCache } from "../gateway/actions/cache/between-workers/common-cache.ts";
import { ProxyWorld, type SeenRequest } from "./proxy-world.ts";

export const LAST = "Host: app.example\r\nConnection: close\r\n\r\n";

/** Time is moved on by hand: nothing is to be too late for it. */
const LONG_MS = 1e9;
const PATIENT = {
  ...{ clientHeadMs: LONG_MS, clientBodyIdleMs: LONG_MS, clientReadIdleMs: LONG_MS, keepAliveMs: LONG_MS },
  ...{ connectionMs: LONG_MS, upstreamHeadMs: LONG_MS, upstreamBodyIdleMs: LONG_MS, connectMs: LONG_MS },
};

export class CacheWorld implements AsyncDisposable {
  readonly proxy: ProxyWorld;
  readonly time: { skewMs: number };
  seen: SeenRequest[] = [];

  private constructor(proxy: ProxyWorld, time: { skewMs: number }) {
    this.proxy = proxy;
    this.time = time;
  }

  /** `head` and body are what the upstream answers; the number of the request stands behind. */
  static async start(
    answer: string | ((request: SeenRequest, nth: number) => string | undefined),
    rule: Cache = {},
    more: RouteActions = {},
    limits: Partial<ActionLimits> = {},
    common?: CommonCache,
  ): Promise<CacheWorld> {
    const time = { skewMs: 0 };
    const options = {
      actionLimits: limits,
      monotonicMs: () => performance.now() + time.skewMs,
      ...(common === undefined ? {} : { commonCache: common }),
    };
    const world = new CacheWorld(await ProxyWorld.start(PATIENT, options), time);
    world.proxy.actions = { ...more, cache: canonicalCache(rule) };
    let nth = 0;
    world.seen = await world.proxy.upstream((request) => {
      nth++;
      return typeof answer === "string" ? answerOf(answer, `body ${nth}`) : answer(request, nth);
    });
    return world;
  }

  async ask(lines = "", target = "/x", method = "GET"): Promise<{ head: string; body: string; status: string }> {
    const text = await this.proxy.exchange(`${method} ${target} HTTP/1.1\r\n${lines}${LAST}`);
    const end = text.indexOf("\r\n\r\n") + 4;
    const head = text.slice(0, end);
    return { head, body: text.slice(end), status: /\r\nCache-Status: (.*)\r\n/.exec(head)?.[1] ?? "" };
  }

  async bodies(...lines: readonly string[]): Promise<string[]> {
    const all: string[] = [];
    for (const one of lines) all.push((await this.ask(one)).body);
    return all;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.proxy[Symbol.asyncDispose]();
  }
}

export function answerOf(head: string, body: string, status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}
