import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { SkerryError } from "../../domain/errors.ts";
import { sessionRoutes } from "../api/session.ts";
import { Client } from "./client.ts";
import { watchList } from "./events.ts";
import { createHttpTransport } from "./http.ts";

async function serve(host: string, status: number, type: string, body: string) {
  const server = createServer((_, response) => response.writeHead(status, { "content-type": type }).end(body));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("an IPv6 address in brackets is an address", async () => {
  const who = { userUid: "u", userName: "mia", role: "member", projectUid: "p" };
  await using server = await serve("::1", 200, "application/json", JSON.stringify(who)).catch(() => undefined);
  const client = new Client({ transport: createHttpTransport({ url: `http://[::1]:${server?.port ?? 9}` }) });
  if (server !== undefined) return assert.deepEqual(await client.call(sessionRoutes.whoami), who);
  // A machine without IPv6 cannot reach it, but it is not looked up as a name either.
  await assert.rejects(client.call(sessionRoutes.whoami), (error: Error) => {
    assert.equal((error as SkerryError).code, "unavailable");
    assert.notEqual((error.cause as NodeJS.ErrnoException).code, "ENOTFOUND");
    return true;
  });
});

test("what answers as something else than Skerry is told, whatever its status", async () => {
  for (const [status, code] of [
    [200, "unavailable"],
    [404, "not_found"],
    [418, "invalid"],
    [502, "unavailable"],
  ] as const) {
    await using server = await serve("127.0.0.1", status, "text/html", "<html>");
    const transport = createHttpTransport({ url: `http://127.0.0.1:${server.port}` });
    await assert.rejects(new Client({ transport }).call(sessionRoutes.whoami), { name: "SkerryError", code });
  }
});

test("a body that is returned before it was begun lets go of its connection", async () => {
  const closed = Promise.withResolvers<void>();
  const server = createServer((_, response) => response.on("close", closed.resolve).write("it goes on and on"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const transport = createHttpTransport({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const { body } = await transport({ method: "GET", target: "/", headers: {} });
    await body[Symbol.asyncIterator]().return?.();
    await closed.promise;
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a stream from which nothing comes, not even a sign of life, is broken off and opened again", async () => {
  const ended = new AbortController();
  let returned = 0;
  const opened: (number | undefined)[] = [];
  const silent = (async function* () {
    yield Buffer.from(":\n\n");
    await new Promise<void>(() => undefined);
  })();
  // As the transport does: the connection goes at once, whatever it waits for.
  silent.return = () => {
    returned++;
    return new Promise(() => undefined);
  };
  const talking = (async function* () {
    yield Buffer.from('event: put\nid: 5.1\ndata: {"name":"b"}\n\n');
    await new Promise<void>(() => undefined);
  })();
  const events = watchList<{ name: string }>({
    first: async () => ({ items: [{ name: "a" }], revision: 4 }),
    open: async (from) => {
      opened.push(from);
      return opened.length === 1 ? silent : talking;
    },
    signal: ended.signal,
    silenceMs: 50,
  });
  const seen: string[] = [];
  for await (const event of events) {
    seen.push(event.type);
    if (event.type === "put") break;
  }
  ended.abort();
  assert.deepEqual(seen, ["reset", "stale", "connected", "put"]);
  assert.deepEqual([opened, returned], [[5, 5], 1]);
});
