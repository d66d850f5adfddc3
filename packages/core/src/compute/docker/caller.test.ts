import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { lastLines } from "../last-lines.ts";
import { createDockerEngine } from "./docker-engine.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-caller-"));
});
after(() => rm(directory, { recursive: true, force: true }));

let count = 0;

/** An engine that answers as the test says. */
async function serve(answer: RequestListener) {
  const server: Server = createServer(answer);
  const socketPath = join(directory, `${count++}.sock`);
  server.listen(socketPath);
  await once(server, "listening");
  const clock = createFakeClock();
  return {
    clock,
    socketPath,
    engine: createDockerEngine({ socketPath, clock }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("an engine that is not there", () => {
  test("is unsupported, and the answer says how to get one", async () => {
    const engine = createDockerEngine({ socketPath: join(directory, "none.sock"), clock: createFakeClock() });
    for (const call of [engine.describe(), engine.images(), engine.container("x"), engine.startContainer("x")]) {
      await assert.rejects(call, { code: "unsupported", hint: /apt-get install docker\.io.*--engine-socket/ });
    }
    const { signal } = new AbortController();
    await assert.rejects(engine.events("a", "b", signal), { code: "unsupported" });
    const options = { follow: true, timestamps: false, signal };
    await assert.rejects(engine.logs("x", options), { code: "unsupported" });
    await assert.rejects(engine.exec("x", { command: ["ls"], tty: false }), { code: "unsupported" });
  });

  test("and one that the daemon may not use is there: the answer says who may", async () => {
    await import("dockerode"); // what must be read before rights are given up
    await using server = await serve(() => undefined);
    await chmod(server.socketPath, 0);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await assert.rejects(server.engine.describe(), { code: "unsupported", hint: /group docker.*as good as root/ });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test("and where nobody listens any more, or something else lies, it does not answer", async () => {
    const path = join(directory, "file");
    await writeFile(path, "");
    const engine = createDockerEngine({ socketPath: path, clock: createFakeClock() });
    await assert.rejects(engine.describe(), (error: { code: string }) => /unavailable|unsupported/.test(error.code));
  });

  test("one that has answered before is away, not missing", async () => {
    const server = await serve((_, response) => response.end('{"Version":"1"}'));
    assert.equal(await server.engine.describe(), "Docker 1");
    await server[Symbol.asyncDispose]();
    await assert.rejects(server.engine.describe(), { code: "unavailable" });
  });
});

test("an image that does not say when it was made has a date all the same", async () => {
  await using server = await serve((request, response) => {
    const id = { Id: "sha256:1", RepoTags: ["web:1"], Size: 1 };
    response.setHeader("content-type", "application/json");
    const list = JSON.stringify([{ ...id, Created: -62135596800 }]);
    response.end(/images\/json/.test(request.url ?? "") ? list : JSON.stringify(id));
  });
  const createdAt = "1970-01-01T00:00:00.000Z";
  const image = { id: "sha256:1", tags: ["web:1"], sizeBytes: 1, createdAt };
  assert.deepEqual(await server.engine.image("web:1"), image);
  assert.deepEqual(await server.engine.images(), [image]);
});

describe("an engine that misbehaves", () => {
  test("by saying nothing is given up in time", async () => {
    await using server = await serve(() => undefined);
    const call = server.engine.images();
    const refused = assert.rejects(call, { code: "unavailable", reason: "timeout" });
    await until(() => server.clock.sleepers > 0);
    await server.clock.advance(LIMITS.compute.engineCallMs);
    await refused;
  });

  test("by breaking off within an answer does not hang the caller", async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write("[{");
      setTimeout(() => response.destroy(), 10);
    });
    const refused = assert.rejects(server.engine.images(), { code: "unavailable" });
    await until(() => server.clock.sleepers > 0);
    await server.clock.advance(LIMITS.compute.engineCallMs);
    await refused;
  });

  test("with errors is told apart: what is missing, what cannot be now, what failed", async () => {
    for (const [status, code] of [
      [404, "not_found"],
      [409, "conflict"],
      [400, "invalid"],
      [500, "unavailable"],
    ] as const) {
      await using server = await serve((_, response) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end('{"message":"because of \\u001b[31mthat"}');
      });
      await assert.rejects(server.engine.startContainer("x"), { code });
    }
  });

  test("events that cannot be read are passed over, the others are heard", async () => {
    const event = (name: string) => JSON.stringify({ Actor: { Attributes: { name } } });
    const long = event("x".repeat(3 * LIMITS.compute.maxLineLength));
    await using server = await serve((_, response) => {
      response.writeHead(200);
      response.write(`${event("a")}\nnull\n{nonsense\n[]\n${long}\n${event("b")}\n`);
    });
    const stop = new AbortController();
    const names: string[] = [];
    for await (const { name } of await server.engine.events("l", "v", stop.signal)) {
      if (name !== undefined) names.push(name);
      if (name === "b") stop.abort();
    }
    assert.deepEqual(names, ["a", "b"]);
  });

  test("by answering too late: what it opened then is closed again", async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    await using server = await serve((_, response) => asked.resolve(response));
    const { signal } = new AbortController();
    const call = server.engine.logs("x", { follow: true, timestamps: false, signal });
    const refused = assert.rejects(call, { code: "unavailable", reason: "timeout" });
    const response = await asked.promise;
    const closed = once(response, "close");
    await server.clock.advance(LIMITS.compute.engineCallMs);
    await refused;
    await closed;
  });

  test("by standing still within what a container said last", async () => {
    const answered = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      response.writeHead(200);
      response.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 3, 97]));
      answered.resolve();
    });
    const lines = lastLines(server.engine, "x", server.clock);
    await answered.promise;
    await until(() => server.clock.sleepers === 1);
    await server.clock.advance(LIMITS.compute.engineCallMs);
    assert.deepEqual(await lines, ["a"]);
  });

  test("a stream that breaks off is an error, one that was given up is none", async () => {
    await using server = await serve((request, response) => {
      response.writeHead(200);
      response.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99]));
      if (request.url?.includes("/cut/")) setTimeout(() => response.destroy(), 10);
    });
    const read = async (id: string, signal: AbortSignal) => {
      let text = "";
      for await (const part of await server.engine.logs(id, { follow: true, timestamps: false, signal })) {
        text += Buffer.from(part).toString();
        if (id === "given-up") given.abort();
      }
      return text;
    };
    const given = new AbortController();
    await assert.rejects(read("cut", new AbortController().signal), { code: "unavailable" });
    assert.equal(await read("given-up", given.signal), "abc");
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
