/** How many watches, downloads and uploads there may be at once, for one user and in all, and that each place comes back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { SkerryError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { servedRoute } from "../../testing/served-route.ts";
import { noParams, noQuery } from "../schema.ts";
import { createDispatcher, handle } from "./dispatcher.ts";
import type { ListEvent } from "./events.ts";
import type { ApiResponse } from "./exchange.ts";

const shared = { params: noParams, permission: "storage.objects:read", summary: "-", status: 200 } as const;
const routes = {
  upload: servedRoute({ ...shared, id: "upload", method: "PUT", path: "/v1/up", kind: "upload", query: noQuery }),
  download: servedRoute({
    ...shared,
    id: "download",
    method: "GET",
    path: "/v1/down",
    kind: "download",
    query: noQuery,
  }),
  watch: servedRoute({
    ...shared,
    id: "watch",
    method: "GET",
    path: "/v1/list",
    kind: "list",
    watch: true,
    query: z.strictObject({ watch: z.enum(["1"]) }),
  }),
};

const KINDS = {
  watch: {
    total: LIMITS.http.maxStreams,
    own: LIMITS.http.maxStreamsPerPrincipal,
    method: "GET",
    path: "/v1/list?watch=1",
  },
  download: {
    total: LIMITS.http.maxDownloads,
    own: LIMITS.http.maxTransfersPerPrincipal,
    method: "GET",
    path: "/v1/down",
  },
  upload: {
    total: LIMITS.objects.maxUploads,
    own: LIMITS.http.maxTransfersPerPrincipal,
    method: "PUT",
    path: "/v1/up",
  },
} as const;
type KindName = keyof typeof KINDS;

const GONE = new SkerryError("internal/aborted", "The client has gone.");

/** What crosses until somebody ends it: the body of an upload, the content of a download, the events of a watch. */
class Pipe {
  readonly #done = Promise.withResolvers<void>();
  /** What the body's beginning comes to. */
  readonly #begin: () => Promise<void>;
  constructor(begin: () => Promise<void> = async () => undefined) {
    this.#begin = begin;
    this.#done.promise.catch(() => undefined);
  }
  end(): void {
    this.#done.resolve();
  }
  begin(): Promise<void> {
    return this.#begin();
  }
  fail(error: Error): void {
    this.#done.reject(error);
  }
  async *bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("1");
    await this.#done.promise;
  }
  async *events(): AsyncGenerator<ListEvent> {
    yield { type: "progress", id: "1" };
    await this.#done.promise;
  }
}

/** One request under way. */
interface Stream {
  readonly pipe: Pipe;
  /** Of the client. */
  readonly gone: AbortController;
  /** Of an upload: when it is over. */
  readonly answered: Promise<ApiResponse>;
  /** Of a watch or download: what the adapter reads. */
  readonly body: AsyncIterator<Uint8Array> | undefined;
}

/** They carry the next pipe. */
function handlers(next: () => Pipe) {
  return new Map([
    handle.json(routes.upload, async (call) => {
      call.decide("it", () => "allow");
      const lost = Promise.withResolvers<never>();
      call.signal.addEventListener("abort", () => lost.reject(call.signal.reason), { once: true });
      const read = (async () => {
        for await (const _ of call.request.body);
      })();
      await Promise.race([read, lost.promise]);
      return undefined;
    }),
    handle.download(routes.download, async (call) => {
      call.decide("it", () => "allow");
      const pipe = next();
      return { status: 200, headers: {}, body: pipe.bytes(), begin: () => pipe.begin() };
    }),
    handle.list(routes.watch, {
      page: async () => undefined,
      watch: (call) => {
        call.decide("it", () => "allow");
        return next().events();
      },
    }),
  ]);
}

/** Users `a`, `b` ... ask with `Bearer a.1`, `Bearer a.2`; without a bearer nobody does, from an address. */
function world() {
  const revoked = new Set<string>();
  const asked: string[] = [];
  const changed = new Map<string, AbortController>();
  let next = new Pipe();
  const principalOf = (bearer: string): Principal => {
    asked.push(bearer);
    if (revoked.has(bearer)) throw new SkerryError("unauthenticated/revoked", "The token was revoked.");
    const abort = changed.get(bearer) ?? new AbortController();
    changed.set(bearer, abort);
    const [user = ""] = bearer.split(".");
    return { kind: "user", userUid: user, userName: user, role: "member", projectUid: "p", changed: abort.signal };
  };
  const nobody: Principal = { ...principalOf("anonymous.1"), kind: "anonymous", role: "none" };
  const dispatch = createDispatcher({
    rehearse: async () => undefined,
    routes: Object.values(routes) as never,
    handlers: handlers(() => next),
    authorizer: { allows: () => true, projectsFor: () => "all" },
    decide: () => "allow",
    authenticate: (authorization) => (authorization === undefined ? nobody : principalOf(authorization.slice(7))),
    audit: async () => undefined,
    clock: createFakeClock(),
  });

  /** @throws what it is refused with. */
  async function open(
    kind: KindName,
    bearer: string | undefined,
    address = "10.0.0.1",
    gone = new AbortController(),
    pipe = new Pipe(),
  ): Promise<Stream> {
    next = pipe;
    const { method, path } = KINDS[kind];
    const request = {
      ...{ id: "r", method, target: path, body: pipe.bytes(), remoteAddress: address, signal: gone.signal },
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    };
    const answered = dispatch(request, { route: "-", principal: "-" });
    // An upload that was let in is answered when it is over; one that was refused, at once.
    const pause = new Promise<void>((resolve) => setImmediate(resolve));
    const response = (kind === "upload" ? await Promise.race([answered, pause]) : await answered) ?? undefined;
    if (response !== undefined && response.status >= 400) throw new SkerryError(errorId(response), "refused");
    const body = response?.body as AsyncIterable<Uint8Array> | undefined;
    return { pipe, gone, answered, body: body?.[Symbol.asyncIterator]() };
  }

  /** Opens until it is refused. */
  async function fill(kind: KindName, bearer: string | undefined, code: string, address?: string): Promise<Stream[]> {
    const streams: Stream[] = [];
    while (streams.length <= KINDS[kind].total) {
      try {
        streams.push(await open(kind, bearer, address));
      } catch (error) {
        assert.ok(error instanceof SkerryError);
        assert.equal(`${error.code}/${error.reason}`, code);
        return streams;
      }
    }
    throw new Error(`there is no bound of ${kind}s`);
  }

  function revoke(bearer: string): void {
    revoked.add(bearer);
    changed.get(bearer)?.abort();
  }
  return { open, fill, revoke, asked };
}

function errorId({ body }: ApiResponse) {
  const { code, reason } = JSON.parse(String(body));
  return `${code}/${reason}` as "exhausted/rate";
}

/** What an adapter does with the body of an answer. Swallows what ends it. */
async function readToEnd({ body, answered }: Stream): Promise<void> {
  if (body === undefined) return void (await answered);
  await (async () => {
    while (!(await body.next()).done);
  })().catch(() => undefined);
}

const ENDS: Record<string, (stream: Stream, w: ReturnType<typeof world>) => Promise<void> | void> = {
  "its normal end": (stream) => {
    stream.pipe.end();
    return readToEnd(stream);
  },
  "an error in the middle": async (stream) => {
    await stream.body?.next();
    stream.pipe.fail(new Error("broken"));
    return readToEnd(stream);
  },
  "the client's going in the middle": async (stream) => {
    await stream.body?.next();
    stream.gone.abort(GONE);
    stream.pipe.fail(GONE);
    await stream.body?.return?.();
    if (stream.body === undefined) await stream.answered;
  },
  "the client's going before anything was read": async (stream) => {
    stream.gone.abort(GONE);
    if (stream.body === undefined) await stream.answered;
  },
  "the loss of its token": async (stream, w) => {
    w.revoke("a.2");
    // What listens to the signal ends then; here the test is the storage.
    if (stream.body !== undefined) stream.pipe.end();
    return readToEnd(stream);
  },
};

const kinds = Object.keys(KINDS) as KindName[];

test("one user has at most its own bound, with all tokens together, and leaves the rest to others", async () => {
  for (const kind of kinds) {
    const w = world();
    assert.equal((await w.fill(kind, "a.1", "exhausted/rate")).length, KINDS[kind].own, kind);
    await assert.rejects(w.open(kind, "a.2"), { code: "exhausted", reason: "rate" });
    await w.open(kind, "b.1");
  }
});

test("all users together have at most the total, and a place that is given back goes to anyone", async () => {
  for (const kind of kinds) {
    const w = world();
    const { own, total } = KINDS[kind];
    const held: Stream[] = [];
    for (let user = 0; held.length < total; user++) {
      const left = total - held.length;
      held.push(...(await w.fill(kind, `u${user}.1`, left > own ? "exhausted/rate" : "exhausted/overload")));
    }
    assert.equal(held.length, total, kind);
    await assert.rejects(w.open(kind, "late.1"), { code: "exhausted", reason: "overload" });
    const [first] = held;
    assert.ok(first);
    first.pipe.end();
    await readToEnd(first);
    assert.equal((await w.fill(kind, "late.1", "exhausted/overload")).length, 1, kind);
  }
});

for (const kind of kinds) {
  const { own } = KINDS[kind];
  describe(`a place of one ${kind}`, () => {
    for (const [end, ends] of Object.entries(ENDS)) {
      test(`comes back, once, after ${end}`, async () => {
        const w = world();
        const stream = await w.open(kind, "a.2");
        const held = await w.fill(kind, "a.1", "exhausted/rate");
        assert.equal(held.length, own - 1);
        await ends(stream, w);
        // The end of the request follows the end of its body: that gives nothing more.
        stream.gone.abort(GONE);
        assert.equal((await w.fill(kind, "a.1", "exhausted/rate")).length, 1);
        const asked = w.asked.length;
        w.revoke("a.2");
        assert.equal(w.asked.length, asked, "what has ended is not authorised again");
      });
    }

    test("is not kept by a client that went before its handler answered", async () => {
      const w = world();
      const gone = new AbortController();
      gone.abort(GONE);
      const stream = await w.open(kind, "a.2", undefined, gone);
      stream.pipe.end();
      if (stream.body === undefined) await stream.answered;
      assert.equal((await w.fill(kind, "a.1", "exhausted/rate")).length, own);
    });
  });
}

test("nobody in particular is bounded by address", async () => {
  const w = world();
  const own = LIMITS.http.maxTransfersPerPrincipal;
  assert.equal((await w.fill("download", undefined, "exhausted/rate", "2001:db8::1")).length, own);
  await assert.rejects(w.open("download", undefined, "2001:db8::2"), { reason: "rate" }, "the same /64");
  await w.open("download", undefined, "10.0.0.2");
  await w.open("download", "a.1", "2001:db8::1");
});

test("kinds do not take places from one another", async () => {
  const w = world();
  for (const kind of ["watch", "download", "upload"] as const) {
    assert.equal((await w.fill(kind, "a.1", "exhausted/rate")).length, KINDS[kind].own);
  }
});

test("a download whose right is lost does not look whole, also when what it reads from just ends then", async () => {
  const w = world();
  const { pipe, body } = await w.open("download", "a.1");
  await body?.next();
  w.revoke("a.1");
  pipe.end();
  await assert.rejects(async () => body?.next(), { code: "unauthenticated" });
});

test("a download is begun when it has its place and before it is answered; one that cannot begin gives the place back", async () => {
  const w = world();
  let begun = 0;
  const open = (begin: () => Promise<void>) =>
    w.open("download", "a.1", undefined, new AbortController(), new Pipe(begin));
  const broken = async () => {
    begun++;
    throw new SkerryError("unavailable/replicas", "No copy is here.");
  };
  const { own } = KINDS.download;
  for (let i = 0; i < own + 5; i++) await assert.rejects(open(broken), { code: "unavailable", reason: "replicas" });
  assert.equal(begun, own + 5);
  assert.equal((await w.fill("download", "a.1", "exhausted/rate")).length, own);
  await assert.rejects(open(broken), { reason: "rate" });
  assert.equal(begun, own + 5, "nothing is read for one that has no place");
});
