/** The rules of the API over real sockets: hosts, origins, credentials, watches, limits of connections. */
import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster[Symbol.asyncDispose]());

/** Bytes in, bytes out, until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(cluster.apiUrl);
    const socket = connect(Number(port), "127.0.0.1");
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(parts).toString()));
    socket.write(text);
  });
}
const host = () => new URL(cluster.apiUrl).host;
const get = (path: string, extra = "", hostName = host()) =>
  raw(`GET ${path} HTTP/1.1\r\nHost: ${hostName}\r\n${extra}Connection: close\r\n\r\n`);

describe("TCP", () => {
  test("answers under its own names only", async () => {
    const { port } = new URL(cluster.apiUrl);
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`]) {
      assert.match(await get("/healthz/live", "", name), /^HTTP\/1\.1 200 /, name);
    }
    for (const name of ["evil.example", `evil.example:${port}`, "127.0.0.1", `127.0.0.1:${Number(port) + 1}`, ""]) {
      assert.match(await get("/healthz/live", "", name), /^HTTP\/1\.1 421 /, name);
    }
    assert.match(await raw("GET /healthz/live HTTP/1.1\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });

  test("refuses pages from elsewhere and sets no cookie", async () => {
    assert.match(await get("/healthz/live", "Origin: http://evil.example\r\n"), /^HTTP\/1\.1 403 .*"origin"/s);
    assert.match(await get("/healthz/live", "Sec-Fetch-Site: cross-site\r\n"), /^HTTP\/1\.1 403 /);
    const own = await get("/healthz/live", `Origin: http://${host()}\r\n`);
    assert.match(own, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(own, /set-cookie|access-control/i);
  });

  test("headers that are too large, and what is not HTTP, get an answer that says so", async () => {
    const large = await get("/healthz/live", `X-Large: ${"a".repeat(LIMITS.http.maxHeaderBytes)}\r\n`);
    assert.match(large, /^HTTP\/1\.1 431 .*"headers"/s);
    assert.match(await raw("NONSENSE\r\n\r\n"), /^HTTP\/1\.1 400 /);
    const both = `POST /v1/sessions HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`;
    assert.match(await raw(both), /^HTTP\/1\.1 400 /);
    assert.match(await get("http://evil.example/healthz/live"), /^HTTP\/1\.1 400 /);
    assert.match(await get("/healthz/live", `Host: ${host()}\r\n`), /^HTTP\/1\.1 400 /);
    const twice = "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n";
    assert.match(await get("/v1/whoami", twice), /^HTTP\/1\.1 400 /);
    const coded = `PUT /v1/objects/b/k HTTP/1.1\r\nHost: ${host()}\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`;
    assert.match(await raw(coded), /^HTTP\/1\.1 4(00|15) /);
  });

  test("a credential that is not good is refused everywhere, and each problem document carries the request id", async () => {
    const answer = await get("/healthz/live", "Authorization: Bearer sky_nonsense\r\nX-Request-Id: mine-1\r\n");
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.match(answer, /x-request-id: mine-1/);
    assert.match(answer, /"requestId":"mine-1"/);
    const forged = await get("/nothing", "X-Request-Id: a\u00a0b\r\n");
    assert.match(forged, /x-request-id: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\r\n/);
    assert.match(await get("/v1/whoami", "Authorization: Basic YTpi\r\n"), /^HTTP\/1\.1 401 /);
  });
});

describe("sessions and tokens", () => {
  test("login, whoami, logout: the token is dead at once", async () => {
    const { client, token } = await cluster.user("ann");
    assert.equal((await client.call(sessionRoutes.whoami)).userName, "ann");
    assert.match(token, /^sks_/);
    await client.call(sessionRoutes.delete, { params: { uid: "current" } });
    await assert.rejects(client.call(sessionRoutes.whoami), { code: "unauthenticated" });
  });

  test("a wrong password and an unknown user are refused alike; the 11th try for one user is told to wait", async () => {
    await cluster.user("ben");
    const login = (name: string) =>
      cluster.client().call(sessionRoutes.create, { body: { name, password: "wrong password" } });
    const unknown = await login("nobody").catch((error: Error) => error.message);
    await assert.rejects(login("ben"), { message: unknown, code: "unauthenticated" });
    for (let i = 1; i < LIMITS.auth.maxLoginsPerUser; i++)
      await assert.rejects(login("ben"), { code: "unauthenticated" });
    await assert.rejects(login("ben"), { code: "exhausted", reason: "rate" });
  });

  test("a revoked token is refused at once and its open watch ends within a second", async (t) => {
    const { client } = await cluster.user("cat");
    const { secret } = await client.call(tokenRoutes.create, { body: { name: "watcher" } });
    const watcher = cluster.client(secret);
    const stop = new AbortController();
    const events = watcher.watch(bucketRoutes.list, { signal: stop.signal });
    assert.equal((await events.next()).value?.type, "reset");
    // Open for sure: it has told something since the list.
    assert.equal((await events.next()).value?.type, "progress");
    const ended = assert.rejects(events.next(), { code: "unauthenticated" });
    const startMs = performance.now();
    await client.call(tokenRoutes.delete, { params: { name: "watcher" } });
    await assert.rejects(watcher.call(sessionRoutes.whoami), { code: "unauthenticated" });
    await ended;
    t.diagnostic(`the watch ended ${(performance.now() - startMs).toFixed(0)} ms after the revocation`);
    stop.abort();
  });

  test("a token shows its last use, never its secret, and a narrow one cannot make a wider one", async () => {
    const { client } = await cluster.user("dan");
    const narrow = { [`storage.${(await client.call(sessionRoutes.whoami)).projectUid}`]: ["read" as const] };
    const { secret } = await client.call(tokenRoutes.create, { body: { name: "narrow", scopes: narrow } });
    const limited = cluster.client(secret);
    await limited.call(bucketRoutes.list);
    await assert.rejects(limited.call(bucketRoutes.create, { body: { name: "no" } }), { code: "forbidden" });
    await assert.rejects(limited.call(tokenRoutes.create, { body: { name: "wide" } }), /may not|no /);
    const shown = await client.call(tokenRoutes.get, { params: { name: "narrow" } });
    assert.ok(shown.status?.lastUsedAt);
    assert.ok(!JSON.stringify(shown).includes(secret.slice(-20)));
  });
});

describe("watches", () => {
  test("reset, put, delete in order; what another may not see never shows", async () => {
    const one = await cluster.user("eva");
    const two = await cluster.user("fred");
    const stop = new AbortController();
    const seen: string[] = [];
    const follow = (async () => {
      for await (const event of two.client.watch(bucketRoutes.list, { signal: stop.signal })) {
        if (event.type === "put" || event.type === "delete") seen.push(`${event.type} ${event.item.meta.name}`);
        if (seen.includes("delete open")) return;
      }
    })();
    await one.client.call(bucketRoutes.create, { body: { name: "secret" } });
    await one.client.call(bucketRoutes.create, { body: { name: "open", spec: { visibility: "visible" } } });
    await one.client.call(bucketRoutes.update, { params: { name: "open" }, body: { spec: { visibility: "private" } } });
    await follow;
    stop.abort();
    assert.ok(
      seen.every((line) => line.endsWith(" open")),
      seen.join(),
    );
    assert.equal(seen.at(-1), "delete open");
  });

  test("a label selector: what leaves it is a delete; a resumed stream misses and repeats nothing", async () => {
    const { client } = await cluster.user("gus");
    const stop = new AbortController();
    const seen: ClientEvent<{ meta: { name: string } }>[] = [];
    const follow = (async () => {
      const query = { labels: "tier=gold" };
      for await (const event of client.watch(bucketRoutes.list, { query, signal: stop.signal })) {
        seen.push(event);
        if (event.type === "delete") return;
      }
    })();
    await client.call(bucketRoutes.create, { body: { name: "lead", labels: { tier: "lead" } } });
    await client.call(bucketRoutes.create, { body: { name: "gold", labels: { tier: "gold" } } });
    await client.call(bucketRoutes.update, { params: { name: "gold" }, body: { labels: { tier: "lead" } } });
    await follow;
    stop.abort();
    const changes = seen.flatMap((event) => (event.type === "put" || event.type === "delete" ? [event] : []));
    assert.ok(changes.every(({ item }) => item.meta.name === "gold"));

    const from = async (headers: Record<string, string>) => {
      const { body } = await client.download(bucketRoutes.list, { query: { watch: "1", from: 1 }, headers });
      const ids: string[] = [];
      let text = "";
      for await (const part of body) {
        text += Buffer.from(part).toString();
        if (text.includes("event: progress")) break;
      }
      for (const [, id] of text.matchAll(/event: (?:put|delete)\nid: (\S+)/g)) ids.push(id as string);
      return ids;
    };
    const wrong = client.download(bucketRoutes.list, { query: { watch: "1", labels: "a in" } });
    await assert.rejects(wrong, { code: "invalid" });
    const all = await from({});
    assert.ok(all.length >= 3);
    for (const [i, id] of all.entries()) assert.deepEqual(await from({ "last-event-id": id }), all.slice(i + 1));
  });
});

describe("what was visible once", () => {
  test("a forged page token or an old revision does not show a bucket that has been closed since", async () => {
    const amy = await cluster.user("kim");
    const bob = await cluster.user("leo");
    const params = { name: "opened" };
    await amy.client.call(bucketRoutes.create, { body: { ...params, spec: { visibility: "visible" } } });
    const { revision } = await bob.client.call(bucketRoutes.list);
    assert.ok((await bob.client.call(bucketRoutes.list)).items.some(({ meta }) => meta.name === "opened"));
    await amy.client.call(bucketRoutes.update, { params, body: { spec: { visibility: "private" } } });

    const forge = (after: string) => Buffer.from(JSON.stringify([revision, after])).toString("base64url");
    const page = await bob.client.call(bucketRoutes.list, { query: { page: forge("/bucket/") } });
    assert.ok(page.items.every(({ meta }) => meta.name !== "opened"));
    const elsewhere = bob.client.call(bucketRoutes.list, { query: { page: forge("/user/cloud/") } });
    await assert.rejects(elsewhere, { code: "invalid" });

    const { body } = await bob.client.download(bucketRoutes.list, { query: { watch: "1", from: 1 } });
    let text = "";
    for await (const part of body) {
      text += Buffer.from(part).toString();
      if (text.includes("event: progress")) break;
    }
    for (const [event] of text.matchAll(/event: put\n[^\n]*\n[^\n]*"opened"[^\n]*/g)) assert.fail(event);
    assert.doesNotMatch(text, /event: delete\n.*\n.*"opened"[^\n]*"status"/);
  });

  test("a page ends without a token when only hidden entries follow", async () => {
    const { client } = await cluster.user("aaron");
    await cluster.user("zoe");
    const page = await client.call(userRoutes.list, { query: { limit: 1 } });
    assert.deepEqual([page.items.map(({ meta }) => meta.name), page.nextPage], [["aaron"], undefined]);
  });
});

describe("a reader that takes nothing", () => {
  test("is cut off when its token is revoked", async () => {
    const { client } = await cluster.user("mia");
    await client.call(bucketRoutes.create, { body: { name: "stall" } });
    const bytes = (async function* () {
      for (let i = 0; i < 40; i++) yield Buffer.alloc(1_000_000, i);
    })();
    await client.upload(objectRoutes.put, { params: { bucket: "stall", key: "big" }, bytes });
    const { secret } = await client.call(tokenRoutes.create, { body: { name: "stalled" } });
    const socket = connect(Number(new URL(cluster.apiUrl).port), "127.0.0.1");
    socket.write(`GET /v1/objects/stall/big HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: Bearer ${secret}\r\n\r\n`);
    await new Promise((resolve) => socket.once("readable", resolve));
    const closed = new Promise<number>((resolve) => socket.on("close", () => resolve(socket.bytesRead)));
    await client.call(tokenRoutes.delete, { params: { name: "stalled" } });
    socket.resume();
    assert.ok((await closed) < 40_000_000, "the rest does not come");
  });
});

describe("the node", () => {
  test("status, storage, jobs, metrics and audit are for those who run it", async () => {
    const { client } = await cluster.user("hal");
    const operator = (await cluster.user("ops", "operator")).client;
    for (const route of [nodeRoutes.status, nodeRoutes.storage, nodeRoutes.jobs]) {
      await assert.rejects(client.call(route), { code: "forbidden" });
      await operator.call(route as typeof nodeRoutes.status);
    }
    await assert.rejects(operator.call(nodeRoutes.audit), { code: "forbidden" });
    const { items } = await cluster.admin.call(nodeRoutes.audit);
    assert.ok(items.some(({ action, outcome }) => action === "node.status" && outcome === "denied"));
    const status = await cluster.admin.call(nodeRoutes.status);
    assert.match(status.storage.replicas, /^3 copies on 1 disk/);
    const { body } = await operator.download(nodeRoutes.metrics, {});
    let text = "";
    for await (const part of body) text += Buffer.from(part).toString();
    assert.match(text, /^skerry_http_requests_total\{/m);
  });

  test("one log record for each request, with id, principal, route, status and duration", async () => {
    const { client } = await cluster.user("ida");
    await client.call(sessionRoutes.whoami);
    const record = cluster.requests.at(-1);
    assert.equal(record?.route, "whoami");
    assert.equal(record?.principal, "ida");
    assert.equal(record?.status, 200);
    assert.ok((record?.durationMs ?? -1) >= 0);
  });

  test("the file of the first password goes when the admin's password is changed", async () => {
    await using other = await startTestCluster();
    const file = join(other.directory, "data", "first-password");
    await access(file);
    const body = { password: "a much better password", current: other.adminPassword };
    await other.admin.call(userRoutes.password, { params: { name: "admin" }, body });
    await assert.rejects(access(file), { code: "ENOENT" });
  });

  test("after a restart users, tokens and buckets are there", async () => {
    const { client, token } = await cluster.user("joe");
    await client.call(bucketRoutes.create, { body: { name: "kept" } });
    await cluster.restart();
    assert.equal((await cluster.client(token).call(bucketRoutes.get, { params: { name: "kept" } })).meta.name, "kept");
    await assert.rejects(cluster.admin.call(userRoutes.create, { body: { name: "joe" } }), { reason: "exists" });
  });
});
