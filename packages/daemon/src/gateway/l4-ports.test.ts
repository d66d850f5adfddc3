/** The ports of routes below HTTP, when something fails on the way: nothing ends the process, and later changes are settled. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { test } from "node:test";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { FromWorker } from "@skerry/core/gateway/control.ts";
import { createFakeClock } from "@skerry/core/testing/fake-clock.ts";
import { createCollectingLogger } from "@skerry/core/testing/sim-telemetry.ts";
import { L4Ports } from "./l4-ports.ts";
import { WorkerL4 } from "./worker-l4.ts";

/** No socket takes it: looking whether it is free throws. */
const NO_PORT = "tcp/70000";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function portsOf(wanted: () => ReadonlySet<string>, publish: (ports: readonly string[]) => void) {
  const clock = createFakeClock();
  const log = createCollectingLogger();
  return { clock, log, ports: new L4Ports({ clock, log, host: "127.0.0.1", wanted, publish }) };
}

test("a port that cannot even be looked at keeps no other from being listened on", async () => {
  const good = `tcp/${await freePort()}`;
  const { ports } = portsOf(
    () => new Set([NO_PORT, good]),
    () => undefined,
  );
  await using _ = ports;
  await ports.update();
  assert.deepEqual(ports.held, [good]);
  assert.match(ports.problemOf(NO_PORT) ?? "", /cannot be listened on \(ERR_SOCKET_BAD_PORT\)/);
  assert.equal(ports.problemOf(good), undefined);
});

test("a change that could not be settled or told is tried again, and those after it are settled", async () => {
  const good = `tcp/${await freePort()}`;
  let failures = 1;
  const told: (readonly string[])[] = [];
  const fail = <T>(value: T): T => {
    if (failures-- > 0) throw new Error("once");
    return value;
  };
  const { ports, clock, log } = portsOf(
    () => fail(new Set([good])),
    (held) => told.push(fail(held)),
  );
  await using _ = ports;
  await ports.update();
  assert.deepEqual(ports.held, []);
  await ports.update();
  assert.deepEqual(told, [[good]], "the next change");
  // Now it is the telling.
  failures = 1;
  ports.failed(good, "EADDRINUSE");
  assert.match(ports.problemOf(good) ?? "", /another program/);
  assert.equal(told.length, 1);
  failures = 0;
  await clock.advance(LIMITS.l4.retryPortMs);
  await ports.settled();
  assert.deepEqual(told.at(-1), [good], "without another change");
  const errors = log.lines.filter(({ level }) => level === "error");
  assert.equal(errors.length, 2);
});

test("a worker tells of a port that it cannot open, and opens the others, then and later", async (t) => {
  const told: FromWorker[] = [];
  const worker = new WorkerL4({
    ...{ host: "127.0.0.1", httpsPort: 0, isAnnouncer: undefined },
    isOwnAddress: () => false,
    onSweep: () => undefined,
    onHttp: (socket) => socket.destroy(),
    onTls: (socket) => socket.destroy(),
    servedAs: () => undefined,
    tell: (message) => told.push(message),
  });
  t.after(() => worker.drain(AbortSignal.abort()));
  const [first, second] = [await freePort(), await freePort()];
  /** No route leads from there: what was taken is reset. */
  const accepts = async (port: number) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const [error] = await once(socket, "error");
    assert.equal(error.code, "ECONNRESET", `${port}`);
  };
  await worker.listenOn([NO_PORT, `tcp/${first}`]);
  assert.deepEqual(told, [{ type: "port", port: NO_PORT, code: "ERR_SOCKET_BAD_PORT" }]);
  await accepts(first);
  await worker.listenOn([`tcp/${first}`, `tcp/${second}`, `udp/${second}`]);
  await accepts(first);
  await accepts(second);
  await worker.listenOn([]);
});
