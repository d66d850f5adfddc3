/** TCP routes: what goes through them, and every way in which one of the two sides ends, stalls or is not there. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { eventually, L4World } from "../../testing/l4-world.ts";

const echo = (socket: Socket): void => {
  socket.on("data", (bytes) => socket.write(bytes));
  socket.on("end", () => socket.end());
};

test("bytes go both ways as they are, and each side's end alone is passed on", async () => {
  await using world = await L4World.start();
  const heard: string[] = [];
  const backend = await world.listen((socket) => {
    socket.write("hello "); // it speaks first
    socket.on("data", (bytes: Buffer) => heard.push(bytes.toString("latin1")));
    socket.on("end", () => socket.end(`heard ${heard.join("")}`, "latin1"));
  });
  world.route(backend);
  const client = await world.client();
  await eventually("the backend's words", () => client.text === "hello ");
  client.socket.write("a\0\xffb", "latin1");
  await eventually("the client's words", () => heard.length > 0);
  client.socket.end();
  await eventually("the end", () => client.closed);
  assert.deepEqual([client.text, client.ended, client.broken], ["hello heard a\0\xffb", true, ""]);
  await eventually("nothing is open", () => world.counters().open === 0);
  assert.deepEqual(world.counters(), { connections: 1, open: 0, bytesIn: 4, bytesOut: 16, failed: 0, refused: 0 });
});

test("a backend that has sent its end is still heard by: the client goes on", async () => {
  await using world = await L4World.start();
  let heard = "";
  let isEnded = false;
  const backend = await world.listen((socket) => {
    socket.end("bye");
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString();
    });
    socket.on("end", () => {
      isEnded = true;
    });
  });
  world.route(backend);
  const client = await world.client();
  await eventually("its end", () => client.ended);
  client.socket.write("still here");
  await eventually("what came after", () => heard === "still here");
  assert.equal(client.closed, false);
  client.socket.end();
  await eventually("the other end", () => isEnded && world.counters().open === 0);
});

test("50 MiB each way at once arrive whole; every buffer is free afterwards", async () => {
  await using world = await L4World.start();
  world.route(await world.listen(echo));
  const content = randomBytes(1024 * 1024);
  const rounds = 50;
  const client = await world.client();
  const sent = createHash("sha256");
  const got = createHash("sha256");
  let bytes = 0;
  client.socket.removeAllListeners("data");
  client.socket.on("data", (part: Buffer) => {
    got.update(part);
    bytes += part.length;
  });
  for (let round = 0; round < rounds; round++) {
    sent.update(content);
    if (!client.socket.write(content)) await new Promise((resolve) => client.socket.once("drain", resolve));
  }
  client.socket.end();
  await eventually("all of it", () => client.closed);
  assert.equal(bytes, rounds * content.length);
  assert.equal(got.digest("hex"), sent.digest("hex"));
  await eventually("nothing is open", () => world.counters().open === 0);
  assert.equal(world.path.buffers.used, 0);
  assert.deepEqual([world.counters().bytesIn, world.counters().bytesOut], [bytes, bytes]);
});

test("without buffers of their own, connections that carry much still get every byte right", async () => {
  await using world = await L4World.start({ maxBulkBuffers: 1 });
  world.route(await world.listen(echo));
  const contents = [0, 1, 2, 3].map(() => randomBytes(3 * 1024 * 1024));
  await Promise.all(
    contents.map(async (content) => {
      const client = await world.client();
      client.socket.end(content);
      await eventually("all of it", () => client.closed);
      assert.ok(Buffer.concat(client.bytes).equals(content));
    }),
  );
  assert.equal(world.path.buffers.used, 0);
});

test("a client that does not read stops its backend, and gets all of it later", async () => {
  await using world = await L4World.start();
  const piece = Buffer.alloc(256 * 1024, "x");
  let written = 0;
  let isStuck = false;
  const backend = await world.listen((socket) => {
    const fill = (): void => {
      while (written < 400) {
        written++;
        isStuck = !socket.write(piece);
        if (isStuck) return void socket.once("drain", fill);
      }
      socket.end();
    };
    fill();
  });
  world.route(backend);
  const client = await world.client();
  client.socket.pause();
  let seen = -1;
  await eventually("it stands still", () => {
    const stands = seen === world.counters().bytesOut && seen > 0 && isStuck;
    seen = world.counters().bytesOut;
    return stands;
  });
  assert.ok(seen < 50 * 1024 * 1024, `${seen} bytes were taken for a client that reads nothing`);
  client.socket.resume();
  await eventually("the end", () => client.ended);
  assert.equal(Buffer.concat(client.bytes).length, 400 * piece.length);
  client.socket.end();
});

test("a reset of one side resets the other", async () => {
  await using world = await L4World.start();
  const backends: Socket[] = [];
  let code = "";
  const port = await world.listen((socket) => {
    backends.push(socket);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? "";
    });
    socket.resume();
  });
  world.route(port);
  const first = await world.client();
  await eventually("the backend", () => backends.length === 1);
  backends[0]?.resetAndDestroy();
  await eventually("the client hears of it", () => first.closed);
  assert.deepEqual([first.broken, first.ended], ["ECONNRESET", false]);
  const second = await world.client();
  await eventually("the backend again", () => backends.length === 2);
  second.socket.resetAndDestroy();
  await eventually("the backend hears of it", () => backends[1]?.destroyed === true);
  assert.equal(code, "ECONNRESET");
  await eventually("nothing is open", () => world.counters().open === 0);
});

test("a backend that is not there resets the client, and is counted", async () => {
  await using world = await L4World.start({ connectMs: 100 });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  world.route(port);
  const dead = await world.client();
  await eventually("a reset", () => dead.closed);
  assert.equal(dead.broken, "ECONNRESET");
  world.route(1, { backends: [], reason: "there is no container db" });
  const none = await world.client();
  await eventually("a reset", () => none.closed);
  // Nothing answers there (RFC 5737), or the system says so at once.
  world.route(1, { backends: [{ host: "192.0.2.1", port: 9 }] });
  const silent = await world.client();
  silent.socket.write("said before there is a backend");
  await eventually("a reset", () => silent.closed);
  assert.equal(silent.broken, "ECONNRESET");
  assert.deepEqual([world.counters().failed, world.counters().open], [3, 0]);
  world.path.apply([], ["r"]);
  const gone = await world.client();
  await eventually("a reset", () => gone.closed);
});

test("what a client says before its backend is there is not lost, nor its end", async () => {
  let answer = (_addresses: readonly string[]): void => undefined;
  const resolve = () =>
    new Promise<readonly string[]>((done) => {
      answer = done;
    });
  await using world = await L4World.start({}, { resolve });
  world.route(await world.listen(echo), {
    backends: [{ host: "db.example", port: await world.listen(echo) }],
  });
  const client = await world.client();
  client.socket.end("early words");
  await eventually("they are here", () => world.counters().bytesIn === 11);
  answer(["127.0.0.1"]);
  await eventually("the end", () => client.closed);
  assert.equal(client.text, "early words");
});

test("every address is looked at when it is connected to", async () => {
  const asked: string[] = [];
  const resolve = async (host: string) => {
    asked.push(host);
    return ["127.0.0.1", "169.254.169.254", "10.9.9.9"];
  };
  const isOwnAddress = (ip: string) => ip === "10.9.9.9";
  await using world = await L4World.start({}, { resolve, isOwnAddress });
  let connections = 0;
  const port = await world.listen((socket) => {
    connections++;
    socket.destroy();
  });
  for (const host of ["rebinds.example", "127.0.0.1", "::ffff:127.0.0.1", "10.9.9.9"]) {
    world.route(1, { backends: [{ host, port }], reach: "restricted" });
    const client = await world.client();
    await eventually("a reset", () => client.closed);
  }
  assert.deepEqual([asked, connections, world.counters().failed], [["rebinds.example"], 0, 4]);
});

test("of several addresses the first that takes it serves", async () => {
  const resolve = async () => ["127.0.0.2", "127.0.0.1"];
  await using world = await L4World.start({ nextAddressMs: 20 }, { resolve });
  const port = await world.listen(echo); // on 127.0.0.1 alone
  world.route(1, { backends: [{ host: "db.example", port }] });
  const client = await world.client();
  client.socket.end("hi");
  await eventually("the end", () => client.closed);
  assert.equal(client.text, "hi");
});

test("idle connections end, those that go on do not; one that is half closed has its own time", async () => {
  await using world = await L4World.start({ idleMs: 400, halfClosedMs: 100 });
  let ended = 0;
  world.route(
    await world.listen((socket) => {
      socket.on("data", (bytes) => socket.write(bytes));
      socket.on("end", () => ended++);
    }),
  );
  const idle = await world.client();
  const slow = await world.client();
  const half = await world.client();
  half.socket.end("x");
  for (let n = 0; n < 40; n++) {
    slow.socket.write(".");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await eventually("the idle one", () => idle.closed && half.closed);
  assert.equal(slow.closed, false);
  assert.equal(ended >= 1, true);
  await eventually("the slow one, when it is silent", () => slow.closed);
});

test("a route that is removed lets its connections go on for a while, and takes no more", async () => {
  await using world = await L4World.start({ drainMs: 300 });
  world.route(await world.listen(echo));
  const client = await world.client();
  client.socket.write("a");
  await eventually("an answer", () => client.text === "a");
  world.path.apply([], ["r"]);
  client.socket.write("b");
  await eventually("another", () => client.text === "ab");
  const late = await world.client();
  await eventually("a reset", () => late.closed);
  const talk = setInterval(() => client.socket.write("."), 20);
  await eventually("its end all the same", () => client.closed);
  clearInterval(talk);
  assert.equal(client.broken === "ECONNRESET" || client.broken === "EPIPE", true);
});

test("more connections than there may be are reset: those of one route leave room for others", async () => {
  await using world = await L4World.start({ maxConnections: 3, maxRouteConnections: 2 });
  const port = await world.listen(echo);
  world.route(port);
  const clients = [await world.client(), await world.client(), await world.client()];
  await eventually("the third is reset", () => clients[2]?.closed === true);
  assert.equal(world.counters().refused, 1);
  world.path.apply([], ["r"]);
  world.route(port, { id: "other" });
  const others = [await world.client(), await world.client()];
  await eventually("the second is reset", () => others[1]?.closed === true);
  assert.deepEqual([world.counters("other").connections, world.counters("other").refused], [1, 1]);
  clients[0]?.socket.destroy();
  await eventually("there is room", () => world.counters().open === 1);
  const next = await world.client();
  next.socket.write("x");
  await eventually("an answer", () => next.text === "x");
});

test("a drain takes no more, lets connections end, and cuts those that are left", async () => {
  await using world = await L4World.start();
  world.route(await world.listen(echo));
  const quick = await world.client();
  const long = await world.client();
  for (const client of [quick, long]) client.socket.write("x");
  await eventually("answers", () => quick.text === "x" && long.text === "x");
  const deadline = new AbortController();
  const drained = world.path.drain(deadline.signal);
  const late = await world.client();
  await eventually("a reset", () => late.closed);
  quick.socket.end("y");
  await eventually("a clean end", () => quick.closed);
  assert.deepEqual([quick.text, quick.broken], ["xy", ""]);
  deadline.abort();
  await drained;
  await eventually("a cut", () => long.closed);
});
