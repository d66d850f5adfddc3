import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { type ConnectionOptions, connect } from "node:tls";
import { MORE, NO_TLS, serverNameOf } from "./client-hello.ts";

/** What Node's TLS sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, ...options });
  client.on("error", () => undefined);
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const body = hello.subarray(5);
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    parts.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(parts);
}

test("the name is found in what real clients send, however it is cut", async () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const hello = await helloOf({ servername: "App.example.com", maxVersion, ALPNProtocols: ["h2", "http/1.1"] });
    assert.equal(serverNameOf(hello), "App.example.com");
    assert.equal(serverNameOf(Buffer.concat([hello, Buffer.from("more")])), "App.example.com");
    for (let to = 0; to < hello.length; to++) assert.equal(serverNameOf(hello.subarray(0, to)), MORE, `${to}`);
    for (const size of [60, 100, 700]) {
      const cut = inRecords(hello, size);
      assert.equal(serverNameOf(cut), "App.example.com", `${size}`);
      assert.equal(serverNameOf(cut.subarray(0, -1)), MORE, `${size}`);
    }
  }
  assert.equal(serverNameOf(await helloOf({})), "");
});

test("what is no TLS is known by its first bytes, and no bytes break it", async () => {
  for (const text of [
    "GET / HTTP/1.1\r\n",
    "SSH-2.0-x\r\n",
    "\x16\x02",
    "\x16\x03\x01\0\0",
    "\x16\x03\x01\xff\xff",
    "\x15\x03\x01",
  ]) {
    assert.equal(serverNameOf(Buffer.from(text, "latin1")), NO_TLS, text);
  }
  assert.equal(serverNameOf(Buffer.from("\x16\x03\x01\0\x05\x02\0\0\x01\0", "latin1")), NO_TLS, "a ServerHello");
  const hello = await helloOf({ servername: "a.example" });
  assert.equal(serverNameOf(inRecords(hello, 1)), NO_TLS, "in more parts than anybody makes");
  let seed = 1;
  for (let n = 0; n < 20_000; n++) {
    const bytes = Buffer.from(hello);
    for (let k = 0; k < 3; k++) {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      bytes[seed % bytes.length] = (seed >> 8) & 255;
    }
    const name = serverNameOf(bytes.subarray(0, (seed % bytes.length) + 1));
    assert.ok(typeof name === "string" ? name.length < bytes.length : name === MORE || name === NO_TLS);
  }
});
