import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Terminal } from "@skerry/core/contract/client/terminal.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { WebSocket } from "ws";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

const DEADLINE_MS = 10_000;
let cluster: TestCluster;
let alice: { client: Client; token: string };

before(async () => {
  cluster = await startTestCluster();
  cluster.engine.tags.set("box:latest", `sha256:${"1".repeat(64)}`);
  alice = await cluster.user("alice");
  await alice.client.call(containerRoutes.create, { body: { name: "web", spec: { image: "box" } } });
  await until(async () => {
    const { status } = await alice.client.call(containerRoutes.get, { params: { name: "web" } });
    return status?.state === "running";
  });
});
after(() => cluster[Symbol.asyncDispose]());

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error("it did not come in time");
    await sleep(10);
  }
}

function exec(client: Client, command: readonly string[], query: object = {}): Promise<Terminal> {
  const asked = { command: JSON.stringify(command), ...query };
  return client.terminal(containerRoutes.exec, { params: { name: "web" }, query: asked });
}

async function read(terminal: Terminal): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of terminal.output) said[stream] += Buffer.from(bytes).toString("latin1");
  return said;
}

describe("a terminal over a WebSocket", () => {
  test("carries input, both outputs, the end of the input, and the exit code", async () => {
    using terminal = await exec(alice.client, ["echo", "ä"]);
    const reading = read(terminal);
    await terminal.write(Buffer.from("one "));
    await terminal.write(new Uint8Array());
    await terminal.write(Buffer.from([0, 255, 7]));
    terminal.endInput();
    assert.deepEqual(await reading, { stdout: "one \0\xff\x07", stderr: Buffer.from("echo ä").toString("latin1") });
    assert.equal(await terminal.exitCode, 7);
  });

  test("megabytes arrive in order, whatever their size, and the window is told", async () => {
    using terminal = await exec(alice.client, ["cat"], { tty: "1", columns: 80, rows: 24 });
    const bytes = Buffer.from(Uint8Array.from({ length: 8_000_000 }, (_, i) => i % 251));
    assert.equal(cluster.engine.execs.at(-1)?.plan.tty, true);
    void (async () => {
      for (let at = 0; at < bytes.length; at += 300_000) await terminal.write(bytes.subarray(at, at + 300_000));
      terminal.resize(132, 43);
      terminal.endInput();
    })();
    const { stdout } = await read(terminal);
    assert.ok(Buffer.from(stdout, "latin1").equals(bytes));
    assert.deepEqual(cluster.engine.execs.at(-1)?.sizes, [[132, 43]]);
  });

  test("a reader that goes ends the command", async () => {
    const terminal = await exec(alice.client, ["sleep"]);
    const running = cluster.engine.execs.at(-1);
    assert.equal(running?.ended, false);
    terminal[Symbol.dispose]();
    await until(() => running?.ended === true);
    await assert.rejects(terminal.exitCode, { code: "unavailable" });
  });

  test("a session that is revoked ends its terminals, others go on", async () => {
    const bob = await cluster.user("bob");
    await cluster.admin.call(bindingRoutes.create, { body: { project: "alice", user: "bob", role: "member" } });
    using theirs = await exec(bob.client, ["sh"], { project: "alice" });
    using own = await exec(alice.client, ["sh"]);
    const said = read(theirs);
    await bob.client.call(sessionRoutes.delete, { params: { uid: "current" } });
    await said;
    await assert.rejects(theirs.exitCode, { code: "unauthenticated" });
    own.endInput();
    assert.equal(await own.exitCode, 0);
  });

  test("a role that is taken away ends them too", { timeout: 20_000 }, async () => {
    const carol = await cluster.user("carol");
    const member = { project: "alice", user: "carol" };
    await cluster.admin.call(bindingRoutes.create, { body: { ...member, role: "member" } });
    using terminal = await exec(carol.client, ["sh"], { project: "alice" });
    const said = read(terminal);
    await cluster.admin.call(bindingRoutes.create, { body: { ...member, role: "viewer" } });
    await said;
    await assert.rejects(terminal.exitCode, { code: "forbidden" });
  });

  test("what comes after the right is lost reaches no command, also when the other side does not close", async () => {
    const eve = await cluster.user("eve");
    await cluster.admin.call(bindingRoutes.create, { body: { project: "alice", user: "eve", role: "member" } });
    const query = new URLSearchParams({ command: '["sh"]', project: "alice" });
    const url = `${cluster.apiUrl.replace("http", "ws")}/v1/containers/web/exec?${query}`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${eve.token}` } });
    socket.on("error", () => undefined);
    await once(socket, "open");
    const running = cluster.engine.execs.at(-1) ?? assert.fail();
    socket.send(Buffer.from("\0before"));
    await until(() => running.received === 6);
    // It reads nothing any more, so it does not answer the close.
    socket.pause();
    await eve.client.call(sessionRoutes.delete, { params: { uid: "current" } });
    socket.send(Buffer.from("\0after"));
    await until(() => running.ended);
    await sleep(50);
    assert.equal(running.received, 6);
    socket.terminate();
  });

  test("who may not is answered before anything runs, as if it did not exist", async () => {
    const mallory = await cluster.user("mallory");
    const before = cluster.engine.execs.length;
    await assert.rejects(exec(mallory.client, ["sh"], { project: "alice" }), { code: "not_found" });
    await assert.rejects(exec(cluster.client(), ["sh"]), { code: "unauthenticated" });
    await assert.rejects(exec(cluster.client("nonsense"), ["sh"]), { code: "unauthenticated" });
    await assert.rejects(exec(alice.client, []), { code: "invalid" });
    assert.equal(cluster.engine.execs.length, before);
  });

  test("one user has so many at once", async () => {
    const dave = await cluster.user("dave");
    await cluster.admin.call(bindingRoutes.create, { body: { project: "alice", user: "dave", role: "member" } });
    await using open = new AsyncDisposableStack();
    for (let i = 0; i < LIMITS.terminal.maxTerminalsPerPrincipal; i++) {
      const terminal = await exec(dave.client, ["sh"], { project: "alice" });
      open.defer(() => terminal[Symbol.dispose]());
    }
    await assert.rejects(exec(dave.client, ["sh"], { project: "alice" }), { code: "exhausted", reason: "rate" });
  });
});

describe("what is not of the protocol", () => {
  const path = `/v1/containers/web/exec?command=${encodeURIComponent('["sh"]')}`;

  function raw(headers: Record<string, string> = {}): WebSocket {
    const url = cluster.apiUrl.replace("http", "ws") + path;
    return new WebSocket(url, { headers: { authorization: `Bearer ${alice.token}`, ...headers } });
  }

  test("ends the terminal and its command", async () => {
    for (const message of ["text", Buffer.alloc(0), Buffer.from([9, 1]), Buffer.from("\x03{nonsense"), "\x03null"]) {
      const socket = raw();
      await once(socket, "open");
      const running = cluster.engine.execs.at(-1);
      socket.send(message);
      const [code] = (await once(socket, "close")) as [number];
      assert.equal(code, 1003, JSON.stringify(message));
      await until(() => running?.ended === true);
    }
    const huge = raw();
    await once(huge, "open");
    huge.on("error", () => undefined);
    huge.send(Buffer.alloc(LIMITS.terminal.maxMessageBytes + 2));
    const [code] = (await once(huge, "close")) as [number];
    assert.ok(code === 1009 || code === 1006, `${code}`);
  });

  test("a page of another origin and a broken handshake start nothing", async () => {
    const before = cluster.engine.execs.length;
    const foreign = raw({ origin: "https://evil.example" });
    foreign.on("error", () => undefined);
    const [, answer] = (await once(foreign, "unexpected-response")) as [unknown, { statusCode: number }];
    assert.equal(answer.statusCode, 403);
    const { hostname, port } = new URL(cluster.apiUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${alice.token}\r\n` +
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n",
    );
    let text = "";
    for await (const part of socket) text += part;
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.equal(cluster.engine.execs.length, before);
  });
});

test("a command that takes no input for long is not given up, a peer that is gone is", async () => {
  await using other = await startTestCluster({ timeouts: { pingMs: 100 } });
  other.engine.tags.set("box:latest", `sha256:${"1".repeat(64)}`);
  await other.admin.call(containerRoutes.create, { body: { name: "web", spec: { image: "box" } } });
  await until(
    async () => (await other.admin.call(containerRoutes.get, { params: { name: "web" } })).status?.state === "running",
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  other.engine.slow = promise;
  const { client, token } = await other.user("amy", "admin");
  const query = { command: '["deaf"]', project: "admin" };
  using terminal = await client.terminal(containerRoutes.exec, { params: { name: "web" }, query });
  const most = 2 * LIMITS.terminal.maxQueuedMessages;
  for (let i = 0; i < most; i++) void terminal.write(Buffer.alloc(1));
  const url = `${other.apiUrl.replace("http", "ws")}/v1/containers/web/exec?${new URLSearchParams(query)}`;
  const silent = new WebSocket(url, { autoPong: false, headers: { authorization: `Bearer ${token}` } });
  silent.on("error", () => undefined);
  await once(silent, "open");
  const abandoned = other.engine.execs.at(-1);
  await once(silent, "close");
  await until(() => abandoned?.ended === true);
  // Many times the pause between two signs of life.
  await sleep(500);
  resolve();
  const reading = read(terminal);
  terminal.endInput();
  assert.equal((await reading).stdout.length, most);
  assert.equal(await terminal.exitCode, 0);
});
