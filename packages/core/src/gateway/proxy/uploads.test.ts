/** Bodies of requests to upstreams that do not read: what waits in a write stays as it is, whoever reads meanwhile. */
import { deepEqual } from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { ProxyWorld, until, untilStill } from "../../testing/proxy-world.ts";

/** More than the kernel keeps for two sockets: a write of it waits. */
const LARGE_BYTES = 16 * 1024 * 1024;

/** An upstream that stands still until it is let go. */
class StillUpstream {
  bytes = 0;
  /** What bodies consist of. */
  readonly letters: string[] = [];
  readonly #sockets: Socket[] = [];

  readonly take = (socket: Socket): void => {
    this.#sockets.push(socket);
    socket.once("data", (first: Buffer) => {
      const found = new Set<number>();
      const at = this.letters.push("") - 1;
      const look = (bytes: Buffer): void => {
        this.bytes += bytes.length;
        const [byte = 0] = bytes;
        if (found.has(byte) && bytes.equals(Buffer.alloc(bytes.length, byte))) return;
        for (const one of bytes) found.add(one);
        this.letters[at] = String.fromCharCode(...found);
      };
      look(first.subarray(first.indexOf("\r\n\r\n") + 4));
      socket.on("data", look);
    });
    socket.pause();
  };

  letGo(): void {
    for (const socket of this.#sockets) socket.resume();
  }
}

/** Sends bodies of so many bytes, each of one letter, at once, until nothing goes on. */
async function upload(world: ProxyWorld, sizes: readonly number[]): Promise<void> {
  const clients = await Promise.all(sizes.map(() => world.connect()));
  for (const [i, client] of clients.entries()) {
    client.write(`POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: ${sizes[i]}\r\n\r\n`);
    client.socket.write(Buffer.alloc(sizes[i] as number, 97 + (i % 26)));
  }
  await untilStill(() => clients.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0));
}

test("uploads at once to an upstream that does not read yet do not mix", async () => {
  await using world = await ProxyWorld.start();
  const upstream = new StillUpstream();
  world.route(await world.listen(upstream.take));
  await upload(world, [LARGE_BYTES, LARGE_BYTES, LARGE_BYTES]);
  upstream.letGo();
  await until(() => upstream.bytes === 3 * LARGE_BYTES, "all has arrived");
  deepEqual(upstream.letters.toSorted(), ["a", "b", "c"]);
});
