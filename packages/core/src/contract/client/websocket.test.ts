import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { LIMITS } from "../../domain/limits.ts";
import { encodeControl, encodeMessage, SUBPROTOCOL } from "../terminal.ts";
import { createTerminalTransport, type Terminal } from "./terminal.ts";

const { maxMessageBytes } = LIMITS.terminal;

/** A server of the library that the daemon has, and what a client gets of it. */
async function withServer(serve: (socket: WebSocket) => void, use: (terminal: Terminal) => Promise<void>) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => SUBPROTOCOL });
  server.on("connection", serve);
  await once(server, "listening");
  const open = createTerminalTransport({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  try {
    using terminal = await open({ target: "/t", headers: {} });
    await use(terminal);
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}

async function read(terminal: Terminal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of terminal.output) parts.push(bytes);
  return Buffer.concat(parts);
}

const exit = (code: number) => encodeControl({ type: "exit", code });

describe("beside ws", () => {
  test("messages of every form of length go there and come back as they were", async () => {
    const sizes = [1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 300_000, maxMessageBytes];
    const sent = sizes.map((size) => randomBytes(size));
    let left = sizes.length;
    const serve = (socket: WebSocket) =>
      socket.on("message", (data: Buffer) => {
        socket.send(encodeMessage("stdout", data.subarray(1)));
        if (--left === 0) socket.send(exit(7));
      });
    await withServer(serve, async (terminal) => {
      const reading = read(terminal);
      for (const bytes of sent) await terminal.write(bytes);
      assert.ok(Buffer.concat(sent).equals(await reading));
      assert.equal(await terminal.exitCode, 7);
    });
  });

  test("a message in fragments is one, also with a ping in between, which is answered", async () => {
    const pinged = Promise.withResolvers<Buffer>();
    const serve = (socket: WebSocket) => {
      socket.on("pong", pinged.resolve);
      socket.send(encodeMessage("stdout", Buffer.from("one ")), { fin: false });
      socket.ping("are you there");
      socket.send(Buffer.from("two "), { fin: false });
      socket.send(Buffer.from("three"), { fin: true });
      socket.send(exit(0));
    };
    await withServer(serve, async (terminal) => {
      assert.equal((await read(terminal)).toString(), "one two three");
      assert.equal((await pinged.promise).toString(), "are you there");
    });
  });

  test("what is said before the end is read to the end, and nobody waits for the farewell", async () => {
    const serve = (socket: WebSocket) => {
      for (let i = 0; i < 100; i++) socket.send(encodeMessage("stdout", Buffer.alloc(1000, i)));
      socket.send(exit(3));
      // It does not close: the client need not be told.
    };
    await withServer(serve, async (terminal) => {
      await sleep(50);
      assert.equal((await read(terminal)).length, 100_000);
      assert.equal(await terminal.exitCode, 3);
    });
  });

  test("who reads nothing lets the server wait", async () => {
    const total = 64 * maxMessageBytes;
    let handedOver = 0;
    const serve = async (socket: WebSocket) => {
      for (let sent = 0; sent < total; sent += maxMessageBytes) {
        await new Promise<unknown>((done) => socket.send(encodeMessage("stdout", Buffer.alloc(maxMessageBytes)), done));
        handedOver += maxMessageBytes;
      }
      socket.send(exit(0));
    };
    await withServer(
      (socket) => void serve(socket),
      async (terminal) => {
        let before = -1;
        while (handedOver !== before) {
          before = handedOver;
          await sleep(200);
        }
        assert.ok(handedOver < total, `${handedOver} bytes were taken that nobody reads`);
        assert.equal((await read(terminal)).length, total);
      },
    );
  });

  test("a server that goes without a word has broken the connection", async () => {
    await withServer(
      (socket) => socket.terminate(),
      async (terminal) => {
        assert.equal((await read(terminal)).length, 0);
        await assert.rejects(terminal.exitCode, { code: "unavailable" });
      },
    );
  });

  test("the end of the client is a close of the protocol", async () => {
    const closed = Promise.withResolvers<number>();
    await withServer(
      (socket) => socket.on("close", closed.resolve),
      async (terminal) => {
        terminal[Symbol.dispose]();
        assert.equal(await closed.promise, 1000);
      },
    );
  });
});

/** Bytes behind a handshake that is as it should be, or the whole answer. */
async function answeredWith(
  answer: Buffer | ((accept: string) => string),
  eachByte = false,
): Promise<{ said: string; failed: unknown }> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => undefined);
    const reply = async (request: Buffer): Promise<void> => {
      const [, key = ""] = /sec-websocket-key: (.*)\r\n/i.exec(request.toString()) ?? [];
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      if (typeof answer === "function") return void socket.end(answer(accept));
      const bytes = Buffer.concat([Buffer.from(accepted(accept)), answer]);
      if (!eachByte) return void socket.write(bytes);
      for (const byte of bytes) {
        socket.write(Buffer.of(byte));
        await sleep(1);
      }
    };
    socket.once("data", (request: Buffer) => void reply(request));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const open = createTerminalTransport({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  try {
    using terminal = await open({ target: "/t", headers: {} });
    const said = (await read(terminal)).toString();
    return { said, failed: await terminal.exitCode.then(() => undefined).catch((error: unknown) => error) };
  } catch (error) {
    return { said: "", failed: error };
  } finally {
    server.close();
  }
}

const accepted = (accept: string, more = `sec-websocket-protocol: ${SUBPROTOCOL}\r\n`) =>
  `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n${more}\r\n`;
const frame = (first: number, payload: Uint8Array, second = payload.length) =>
  Buffer.concat([Buffer.of(first, second), payload]);
const hello = frame(0x82, encodeMessage("stdout", Buffer.from("hello")));
const goodbye = frame(0x82, exit(0));

describe("bytes of a server", () => {
  test("come one by one, or all at once with the handshake", async () => {
    for (const eachByte of [true, false]) {
      const { said, failed } = await answeredWith(Buffer.concat([hello, goodbye]), eachByte);
      assert.deepEqual([said, failed], ["hello", undefined]);
    }
  });

  const bad: Record<string, Buffer> = {
    "a mask": Buffer.concat([Buffer.of(0x82, 0x86), randomBytes(10)]),
    "a bit of an extension": frame(0xc2, Buffer.from("\u0001hello")),
    text: frame(0x81, Buffer.from("\u0001hello")),
    "an opcode that there is not": frame(0x83, Buffer.from("\u0001hello")),
    "a continuation of nothing": frame(0x80, Buffer.from("\u0001hello")),
    "a message within a message": Buffer.concat([frame(0x02, Buffer.from("\u0001a")), hello]),
    "a ping in fragments": frame(0x09, Buffer.from("x")),
    "a ping that is too long": Buffer.concat([Buffer.of(0x89, 126, 0, 126), Buffer.alloc(126)]),
    "a message that is too long": Buffer.of(0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0),
    "a length beyond all numbers": Buffer.of(0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255),
    "fragments that are too long together": Buffer.concat([
      Buffer.of(0x02, 127, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff),
      Buffer.alloc(0x0fffff, 1),
      Buffer.of(0x80, 3, 1, 1, 1),
    ]),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    test(`${what} ends the connection, and nothing behind it is read`, async () => {
      const { said, failed } = await answeredWith(Buffer.concat([bytes, hello, goodbye]));
      assert.equal(said, "");
      assert.equal((failed as { code?: string }).code, "unavailable");
    });
  }

  const handshakes: Record<string, (accept: string) => string> = {
    "another key": () => accepted("AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "no protocol": (accept) => accepted(accept, ""),
    "another protocol": (accept) => accepted(accept, "sec-websocket-protocol: chat\r\n"),
    "an extension": (accept) =>
      accepted(accept, `sec-websocket-protocol: ${SUBPROTOCOL}\r\nsec-websocket-extensions: permessage-deflate\r\n`),
    "a page": () => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
    nothing: () => "",
  };
  for (const [what, answer] of Object.entries(handshakes)) {
    test(`a handshake with ${what} is refused`, async () => {
      const { failed } = await answeredWith(answer);
      assert.equal((failed as { code?: string }).code, "unavailable");
    });
  }
});

test("a request that is given up, before and while it is opened, and a server that is not there", async () => {
  const server = createHttpServer();
  server.on("upgrade", (_, socket) => socket.resume().on("end", () => socket.destroy())); // never answers
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = createTerminalTransport({ url: `http://127.0.0.1:${port}` });
  try {
    await assert.rejects(open({ target: "/t", headers: {}, signal: AbortSignal.abort("before") }), (error) => {
      return error === "before";
    });
    const ended = new AbortController();
    const opening = open({ target: "/t", headers: {}, signal: ended.signal });
    await once(server, "upgrade");
    ended.abort("while");
    await assert.rejects(opening, (error) => error === "while");
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
  await assert.rejects(open({ target: "/t", headers: {} }), { code: "unavailable", message: /nothing listens there/ });
});
