/** Peers that do not do their part: readers that take nothing, senders that do not look, connections left half open. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { open, readdir, readlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Dispatch } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ApiRequest, ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { closePeers, peer, serve, until } from "../testing/raw-peers.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

afterEach(closePeers);

const answer = (body: NonNullable<ApiResponse["body"]>, status = 200): ApiResponse => ({ status, headers: {}, body });
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

describe("a reader", () => {
  test("that takes nothing is cut, also from an answer in one piece", async () => {
    const large = Buffer.alloc(20_000_000, "x");
    let returned = 0;
    const endless = async function* () {
      try {
        for (;;) yield large;
      } finally {
        returned++;
      }
    };
    const dispatch: Dispatch = async ({ target }) => answer(target === "/" ? large : endless());
    await using server = await serve(dispatch, { readerIdleMs: 200 });
    const readers = [peer(server, GET), peer(server, GET.replace("/", "/endless"))];
    await until("both are over", () => server.records.length === 2);
    assert.deepEqual(
      server.records.map(({ status }) => status),
      [499, 499],
    );
    assert.equal(returned, 1, "the body was given back");
    for (const { socket, closed, text } of readers) {
      socket.resume();
      await closed;
      assert.ok(text().length < large.length);
    }
  });

  test("that is slow and moves on is not cut, however long one piece takes it", async () => {
    const readerIdleMs = 2_500;
    const size = 900_000;
    await using server = await serve(
      async () =>
        answer(
          (async function* () {
            yield Buffer.alloc(size, "x");
          })(),
        ),
      { readerIdleMs },
    );
    const socket = connect(server);
    socket.write(GET);
    let read = 0;
    const closed = once(socket, "close");
    // In each pause less is taken than a slice of the answer, and more than wakes the writer.
    for (let bite = 0; read < size && !socket.destroyed; bite = 0) {
      while (bite < 130_000 && read < size && !socket.destroyed) {
        const part = socket.read() as Buffer | null;
        if (part === null) await Promise.race([once(socket, "readable"), closed]);
        bite += part?.length ?? 0;
        read += part?.length ?? 0;
      }
      await sleep(readerIdleMs * 0.55);
    }
    assert.ok(read >= size, `${read} bytes came`);
    socket.resume();
    await until("it is over", () => server.records.length === 1);
    assert.equal(server.records[0]?.status, 200);
    socket.destroy();
    await closed;
  });

  test("that is slow gets each part as it was, also when the next one is made in the same buffer", async () => {
    const [parts, size] = [24, 300_000];
    const body = async function* () {
      const buffer = Buffer.alloc(size);
      for (let n = 0; n < parts; n++) yield buffer.fill(n);
    };
    const headers = { "content-length": String(parts * size) };
    await using server = await serve(async () => ({ status: 200, headers, body: body() }), {});
    const { socket, text, closed } = peer(server, GET.replace("Host", "Connection: close\r\nHost"));
    // The system takes what it has room for.
    await sleep(200);
    socket.resume();
    await closed;
    const received = Buffer.from(text().slice(text().indexOf("\r\n\r\n") + 4), "latin1");
    const expected = Buffer.concat(Array.from({ length: parts }, (_, n) => Buffer.alloc(size, n)));
    assert.ok(received.equals(expected), `${received.length} of ${expected.length} bytes`);
  });

  test("that asks for the next before it has taken the first waits its turn", async () => {
    const parts = async function* (target: string) {
      for (let i = 0; i < 4; i++) {
        yield Buffer.alloc(300_000, target.slice(1));
        if (target === "/a") await sleep(200);
      }
    };
    await using server = await serve(async ({ target }) => answer(parts(target)), { readerIdleMs: 400 });
    const { socket, text } = peer(server, GET.replace("/", "/a") + GET.replace("/", "/b"));
    socket.resume();
    await until("both answers", () => text().endsWith("b\r\n0\r\n\r\n"));
    assert.equal(text().match(/HTTP\/1\.1 200/g)?.length, 2);
    socket.destroy();
  });
});

/** Reads nothing of the body. */
const refuse: Dispatch = async () => answer("no\n", 401);
/** Reads a part of the body, then refuses. */
const refuseLater: Dispatch = async ({ body }: ApiRequest) => {
  for await (const _ of body) return answer("too large\n", 413);
  return answer("empty\n", 400);
};

describe("a refusal before the body has come", () => {
  for (const [what, dispatch, status] of [
    ["unread", refuse, 401],
    ["read in part", refuseLater, 413],
  ] as const) {
    for (const connection of ["keep-alive", "close"]) {
      test(`reaches a client that sends all before it looks: ${what}, ${connection}`, async () => {
        await using server = await serve(dispatch, {});
        const size = 30_000_000;
        const head = `PUT /k HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Length: ${size}\r\n\r\n`;
        const { socket, text, error, closed } = peer(server, head);
        const part = Buffer.alloc(1_000_000);
        for (let sent = 0; sent < size && !socket.destroyed; sent += part.length) {
          if (socket.write(part)) continue;
          await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
        }
        socket.resume();
        await until("the answer", () => text().includes(`HTTP/1.1 ${status} `) || socket.destroyed);
        assert.deepEqual([error(), text().slice(9, 12)], [undefined, `${status}`]);
        assert.equal(server.records.length, 1);
        if (connection === "keep-alive") {
          socket.write(GET.replace("GET", "HEAD"));
          await until("the connection still works", () => server.records.length === 2);
        } else {
          await closed;
        }
        socket.destroy();
      });
    }
  }

  test("is bounded: a client that goes on for ever, or stops, is cut", async () => {
    await using server = await serve(refuse, { lingerIdleMs: 300, lingerMs: 1_000 });
    const head = "PUT /k HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n";
    const stopped = peer(server, head);
    const endless = peer(server, head);
    const sending = setInterval(() => endless.socket.destroyed || endless.socket.write("x"), 20);
    for (const { socket, closed, text } of [stopped, endless]) {
      socket.resume();
      await closed;
      assert.match(text(), /^HTTP\/1\.1 401 /);
    }
    clearInterval(sending);
  });

  test("ends the connection of a client that waits for a word to send it", async () => {
    await using server = await serve(refuse, { lingerIdleMs: 300 });
    const head = "PUT /k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    const { socket, closed, text } = peer(server, head);
    socket.resume();
    await until("the answer", () => text().includes("\r\n\r\n"));
    assert.match(text(), /^HTTP\/1\.1 401 .*\r\nconnection: close\r\n/is);
    await closed;
  });

  test("a pause of who takes the body is not the client's", async () => {
    const slow: Dispatch = async ({ body }) => {
      let size = 0;
      for await (const part of body) {
        size += part.length;
        await sleep(600);
      }
      return answer(`${size}`);
    };
    await using server = await serve(slow, { bodyIdleMs: 300 });
    const { socket, text } = peer(server, "PUT /k HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
    socket.write(Buffer.alloc(300_000));
    socket.resume();
    await until("the answer", () => text().endsWith("300000") || socket.destroyed);
    assert.match(text(), /^HTTP\/1\.1 200 .*\r\n\r\n300000$/s);
    const stuck = peer(server, "PUT /k HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\nx");
    stuck.socket.resume();
    await stuck.closed;
    socket.destroy();
  });
});

test("a connection that brings no request is told so, and not kept half open", async () => {
  await using server = await serve(refuse, { headerMs: 100, lingerIdleMs: 300 });
  for (const beginning of ["", "GET / HTTP/1.1\r\nHost: "]) {
    const { socket, text } = peer(server, beginning, true);
    socket.resume();
    await until("the answer", () => text().includes("did not arrive in time"));
    // Our side stays open; theirs must not: what is written then meets nobody.
    await until("the server has let go", () => {
      socket.write("x");
      return socket.destroyed;
    });
  }
});

test("connections that are only held give way to those that ask; what is served stays", async () => {
  const gate = Promise.withResolvers<void>();
  const dispatch: Dispatch = async ({ target }) => {
    if (target === "/slow") await gate.promise;
    return answer("done");
  };
  await using server = await serve(dispatch, {}, { maxConnections: 3 });
  const served = peer(server, GET.replace("/", "/slow"));
  await until("one is served", () => server.api.inFlight === 1);
  const held = [peer(server, "GET / HT"), peer(server, ""), peer(server, "")];
  for (const { socket } of held) socket.resume();
  await held[0]?.closed;
  const asking = peer(server, GET.replace("Host", "Connection: close\r\nHost"));
  asking.socket.resume();
  await asking.closed;
  assert.match(asking.text(), /done$/);
  gate.resolve();
  served.socket.resume();
  await until("the answer", () => served.text().endsWith("done"));
});

test("a terminal that is refused leaves no connection half open", async () => {
  await using server = await serve(refuse, { lingerIdleMs: 300 });
  for (const upgrade of [
    "websocket",
    "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ]) {
    const { socket, text } = peer(
      server,
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
      true,
    );
    socket.resume();
    await until("the answer", () => / Refused\r\n/.test(text()));
    await until("the server has let go", () => {
      socket.write("x");
      return socket.destroyed;
    });
  }
});

test("a connection that has begun a request does not hold up the drain; one that is served does", async () => {
  const gate = Promise.withResolvers<void>();
  const dispatch: Dispatch = async () => {
    await gate.promise;
    return answer("done");
  };
  await using server = await serve(dispatch, {});
  const begun = peer(server, "GET / HT");
  const served = peer(server, GET);
  await until("one is served", () => server.api.inFlight === 1);
  await sleep(50);
  const closed = server.api.close(new AbortController().signal);
  begun.socket.resume();
  await begun.closed;
  assert.equal(begun.text(), "", "at once, not when its time was up");
  gate.resolve();
  served.socket.resume();
  await served.closed;
  assert.match(served.text(), /connection: close\r\n.*done$/is);
  await closed;
});

describe("a cloud", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startTestCluster({ timeouts: { readerIdleMs: 1_000 } });
  });
  after(() => cluster[Symbol.asyncDispose]());

  /** Descriptors of replicas that are being read. */
  async function openReplicas(): Promise<number> {
    const root = join(cluster.directory, "data", "storage");
    const links = await Promise.all(
      (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    return links.filter((link) => link.startsWith(root) && link.includes("/chunks/")).length;
  }

  async function gauge(name: string): Promise<number> {
    const { body } = await cluster.admin.download(nodeRoutes.metrics, {});
    const text = Buffer.concat(await Array.fromAsync(body)).toString();
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  }

  test("takes back what readers held that take nothing", async () => {
    const { client, token } = await cluster.user("mia");
    await client.call(bucketRoutes.create, { body: { name: "stall" } });
    const bytes = (async function* () {
      for (let i = 0; i < 8; i++) yield Buffer.alloc(1_000_000, i);
    })();
    await client.upload(objectRoutes.put, { params: { bucket: "stall", key: "big" }, bytes });
    const read = (most: number) => {
      const range = `Range: bytes=0-${most}\r\n`;
      const head = `GET /v1/objects/stall/big HTTP/1.1\r\nHost: x\r\n${range}Authorization: Bearer ${token}\r\n\r\n`;
      return peer({ path: cluster.node.socketPath }, head);
    };
    const readers = Array.from({ length: LIMITS.http.maxTransfersPerPrincipal }, () => read(7_999_999));
    const one = async () => {
      const { socket, text, closed } = read(9);
      socket.resume();
      await until("an answer", () => text().includes("\r\n\r\n"));
      socket.destroy();
      await closed;
      return text().slice(9, 12);
    };
    await until("every slot is taken", async () => (await one()) === "429");
    assert.ok((await openReplicas()) > 0);
    assert.equal(await gauge("skerry_storage_pinned_chunks"), 1);
    await until("a slot is free again", async () => (await one()) === "206");
    await until("no replica is open", async () => (await openReplicas()) === 0);
    await until("no chunk is held", async () => (await gauge("skerry_storage_pinned_chunks")) === 0);
    await until("nothing is served but this", async () => (await gauge("skerry_http_requests_in_flight")) === 1);
    for (const { socket, closed, text } of readers) {
      socket.resume();
      await closed;
      assert.ok(text().length < 8_000_000);
    }
  });

  test("tells curl why it refuses a large file", async () => {
    const file = join(cluster.directory, "large");
    await using handle = await open(file, "w");
    await handle.truncate(200_000_000);
    const upload = ["-T", file, `${cluster.apiUrl}/v1/objects/box/key`];
    const login = [
      "-H",
      "Content-Type: application/json",
      "--data-binary",
      `@${file}`,
      `${cluster.apiUrl}/v1/sessions`,
    ];
    for (const [request, code] of [
      [upload, "unauthenticated"],
      [login, "too-large"],
    ] as const) {
      // As it does by itself, without asking first, and on a connection that ends with the answer.
      for (const headers of [[], ["Expect:"], ["Expect:", "Connection: close"]]) {
        const { error, stdout, stderr } = await curl([...headers.flatMap((header) => ["-H", header]), ...request]);
        assert.deepEqual([error, stderr], [0, ""], headers.join());
        assert.ok(stdout.includes(code), stdout);
      }
    }
  });
});

function curl(flags: readonly string[]): Promise<{ error: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile("curl", ["-q", "-sS", "--max-time", "60", ...flags], (error, stdout, stderr) => {
      resolve({ error: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
