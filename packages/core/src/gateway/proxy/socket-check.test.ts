/** The data path uses more of Node's sockets than Node promises: these tests say which version that was read for. */
import { equal, match, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { Socket } from "node:net";
import { test } from "node:test";
import { checkSockets } from "./socket-check.ts";

type Inside = { _handle: { useUserBuffer?: unknown; writeBuffer?: unknown } };

test("stream-handle.ts and wire.ts were read against this version of Node", () => {
  equal(
    process.versions.node,
    "26.10.0",
    "Read lib/net.js, lib/internal/stream_base_commons.js and src/crypto/crypto_tls.cc of the new one (_handle, useUserBuffer, onread, push, _write, _read, the encoding 'buffer'; that TLS keeps nothing of what it was given to write), run the gateway's tests and its benchmark, then change this.",
  );
});

test("the sockets of this Node are known", () => checkSockets());

test("a socket whose handle cannot read into our buffer is used as it is", () =>
  checkSockets((socket) => {
    (socket as Socket & Inside)._handle.useUserBuffer = undefined;
    return socket;
  }));

test("where the machine lets nobody connect, that is what is said, and nothing of the version", (t) => {
  const program = `import { checkSockets } from ${JSON.stringify(new URL("./socket-check.ts", import.meta.url).href)};
    await checkSockets().catch(({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint })));`;
  // A network of its own, in which nothing is up.
  const args = ["--net", process.execPath, ...process.execArgv, "--input-type=module", "-e", program];
  const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
  if (status !== 0) {
    t.diagnostic(`unsupported here: ${stderr}`);
    return;
  }
  const { code, message, hint } = JSON.parse(stdout);
  equal(code, "unsupported");
  match(message, /cannot connect to itself on 127\.0\.0\.1 \(E[A-Z]+\)/);
  match(hint, /ip link set lo up/);
});

const ERROR = { code: "unsupported", reason: "version", hint: /npm ci/ };

/** Of plain sockets when it is not for TLS only. */
function refuses(what: string, kind: RegExp, isForTls: boolean, change: (socket: Socket & Inside) => void): void {
  test(`${what} is refused with what to do`, () =>
    rejects(
      checkSockets((socket) => {
        if ("encrypted" in socket === isForTls) change(socket as Socket & Inside);
        return socket;
      }),
      { ...ERROR, message: kind },
    ));
}

refuses("a socket that reads elsewhere", / the sockets /, false, ({ _handle }) => {
  _handle.useUserBuffer = () => undefined;
});
refuses("a socket of TLS that reads elsewhere", / TLS sockets /, true, ({ _handle }) => {
  _handle.useUserBuffer = () => undefined;
});
refuses("a socket of TLS that writes something else", / TLS sockets /, true, ({ _handle }) => {
  const write = _handle.writeBuffer as (request: unknown, bytes: Buffer) => number;
  _handle.writeBuffer = (request: unknown, bytes: Buffer) => write.call(_handle, request, bytes.subarray(1));
});
refuses("a socket without such a handle that writes something else", / the sockets /, false, (socket) => {
  const { _write } = Socket.prototype;
  socket._handle.useUserBuffer = undefined;
  socket._write = (chunk: Buffer | string, encoding: BufferEncoding, done: () => void) =>
    _write.call(socket, chunk.slice(1), encoding, done);
});
