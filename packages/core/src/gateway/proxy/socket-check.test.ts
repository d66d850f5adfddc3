/** The data path uses more of Node's sockets than Node promises: these tests say which version that was read for. */
import { equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, Socket } from "node:net";
import { test } from "node:test";
import { adopt } from "./adopt.ts";
import { checkSockets } from "./socket-check.ts";

test("adopt.ts and wire.ts were read against this version of Node", () => {
  equal(
    process.versions.node,
    "26.10.0",
    "Read lib/net.js and lib/internal/stream_base_commons.js of the new one (_handle, useUserBuffer, _server, push, _write, _writev, _read, the encoding 'buffer'), run the gateway's tests and its benchmark, then change this.",
  );
});

test("the sockets of this Node are known", () => checkSockets());

test("sockets that do something else are refused with what to do", async () => {
  const error = { code: "unsupported", reason: "version", hint: /npm ci/ };
  await rejects(
    checkSockets((socket) => {
      // As if bytes came elsewhere.
      return Object.assign(socket, { _writev: undefined });
    }),
    error,
  );
  await rejects(
    checkSockets((socket) => {
      const { _write } = Socket.prototype;
      return Object.assign(socket, {
        _write: (chunk: unknown, _encoding: string, done: () => void) => _write.call(socket, chunk, "utf16le", done),
      });
    }),
    error,
  );
});

test("a handle that cannot read into our buffer leaves the socket as it was", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [Socket & { _handle: { useUserBuffer: unknown } }];
  const onread = { buffer: Buffer.alloc(10), callback: () => true };
  socket._handle.useUserBuffer = undefined;
  equal(adopt(socket, onread), socket);
  delete (socket._handle as { useUserBuffer?: unknown }).useUserBuffer;
  const adopted = adopt(socket, onread);
  ok(adopted !== socket);
  adopted.destroy();
  client.destroy();
  server.close();
});
