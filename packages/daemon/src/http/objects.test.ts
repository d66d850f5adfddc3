/** Objects over real HTTP: conditions, ranges, cut uploads, hostile keys. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
let token: string;

before(async () => {
  cluster = await startTestCluster();
  token = (await cluster.user("amy")).token;
  await cluster.client(token).call(bucketRoutes.create, { body: { name: "box" } });
});
after(() => cluster[Symbol.asyncDispose]());

/** A raw request: what fetch would mend or refuse is sent as it is. */
function send(options: {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(cluster.apiUrl);
    const outgoing = request({
      host: "127.0.0.1",
      port,
      method: options.method ?? "GET",
      path: options.path,
      headers: { authorization: `Bearer ${token}`, ...options.headers },
    });
    outgoing.on("error", reject).on("response", (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(parts) }),
      );
    });
    outgoing.end(options.body);
  });
}
const put = (key: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  send({ method: "PUT", path: `/v1/objects/box/${key}`, body, headers });

async function chunkFiles(storage: string): Promise<string[]> {
  const found = await readdir(storage, { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile() && one.parentPath.includes("/chunks/"))
    .map((one) => join(one.parentPath, one.name));
}

async function stagedFiles(): Promise<string[]> {
  const storage = join(cluster.directory, "data", "storage");
  const servers = await readdir(storage);
  return (await Promise.all(servers.map((server) => readdir(join(storage, server, "staging"))))).flat();
}

describe("objects", () => {
  test("what was stored comes back: empty, one byte, across blocks and buffers", async () => {
    for (const size of [0, 1, LIMITS.objects.blockBytes, LIMITS.objects.ioBytes + 1, 3 * LIMITS.objects.ioBytes - 7]) {
      const content = randomBytes(size);
      const stored = await put(`size-${size}`, content, { "content-type": "image/png", "x-skerry-meta-colour": "red" });
      assert.equal(stored.status, 201);
      const read = await send({ path: `/v1/objects/box/size-${size}` });
      assert.equal(read.status, 200);
      assert.deepEqual(read.body, content);
      assert.equal(read.headers["etag"], `"${createHash("md5").update(content).digest("hex")}"`);
      assert.equal(read.headers["content-type"], "image/png");
      assert.equal(read.headers["x-skerry-meta-colour"], "red");
      const head = await send({ method: "HEAD", path: `/v1/objects/box/size-${size}` });
      assert.deepEqual([head.status, head.headers["content-length"], head.body.length], [200, String(size), 0]);
    }
  });

  test("ranges", async () => {
    const content = randomBytes(300_000);
    await put("ranged", content);
    const cases: [string, number, Buffer?][] = [
      ["bytes=0-0", 206, content.subarray(0, 1)],
      ["bytes=65535-65536", 206, content.subarray(65535, 65537)],
      ["bytes=-5", 206, content.subarray(-5)],
      ["bytes=299999-", 206, content.subarray(299_999)],
      ["bytes=100-999999999", 206, content.subarray(100)],
      ["bytes=-999999999", 206, content],
      ["bytes=300000-", 416],
      ["bytes=-0", 416],
      ["bytes=5-2", 200, content],
      ["lines=1-2", 200, content],
      ["bytes=0-1,5-6", 200, content],
    ];
    for (const [range, status, expected] of cases) {
      const read = await send({ path: "/v1/objects/box/ranged", headers: { range } });
      assert.equal(read.status, status, range);
      if (expected !== undefined) assert.deepEqual(read.body, expected, range);
    }
    const stale = await send({ path: "/v1/objects/box/ranged", headers: { range: "bytes=0-1", "if-range": '"x"' } });
    assert.equal(stale.status, 200);
  });

  test("conditions hold or refuse, and a refused write changes nothing", async () => {
    assert.equal((await put("cond", "one", { "if-none-match": "*" })).status, 201);
    assert.equal((await put("cond", "two", { "if-none-match": "*" })).status, 412);
    assert.equal((await put("cond", "two", { "if-match": '"0123"' })).status, 412);
    const etag = String((await send({ path: "/v1/objects/box/cond" })).headers["etag"]);
    assert.equal((await send({ path: "/v1/objects/box/cond", headers: { "if-none-match": etag } })).status, 304);
    assert.equal((await send({ path: "/v1/objects/box/cond", headers: { "if-match": '"0123"' } })).status, 412);
    assert.equal((await put("cond", "two", { "if-match": "nonsense" })).status, 400);
    assert.equal((await send({ path: "/v1/objects/box/cond" })).body.toString(), "one");
    assert.equal((await put("cond", "two", { "if-match": etag })).status, 201);
    const wrong = await send({ method: "DELETE", path: "/v1/objects/box/cond", headers: { "if-match": etag } });
    assert.equal(wrong.status, 412);
    assert.equal((await send({ method: "DELETE", path: "/v1/objects/box/cond" })).status, 204);
    assert.equal((await send({ path: "/v1/objects/box/cond" })).status, 404);
  });

  test("of many that create the same key at once exactly one wins", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => put("race", `writer ${i}`, { "if-none-match": "*" })),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(({ status }) => status === 412).length, 11);
  });

  test("an upload that is cut leaves nothing visible and nothing staged", async () => {
    const { port } = new URL(cluster.apiUrl);
    const outgoing = request({
      host: "127.0.0.1",
      port,
      method: "PUT",
      path: "/v1/objects/box/cut",
      headers: { authorization: `Bearer ${token}`, "content-length": String(10_000_000) },
    });
    outgoing.on("error", () => undefined);
    outgoing.write(randomBytes(6_000_000));
    await until(async () => (await stagedFiles()).length > 0);
    outgoing.destroy();
    await until(async () => (await stagedFiles()).length === 0);
    assert.equal((await send({ path: "/v1/objects/box/cut" })).status, 404);
  });

  test("keys keep every character; hostile ones stay inside the bucket", async () => {
    for (const key of [
      "a b",
      "ü/ñ/日本",
      "..",
      "../../etc/passwd",
      "a//b",
      "/lead",
      "trail/",
      "\u001b[31mred",
      "a?b#c%2F",
    ]) {
      const params = { bucket: "box", key };
      const bytes = (async function* () {
        yield Buffer.from(key);
      })();
      await cluster.client(token).upload(objectRoutes.put, { params, bytes });
      const { body } = await cluster.client(token).download(objectRoutes.get, { params });
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      assert.equal(Buffer.concat(parts).toString(), key);
    }
    assert.equal((await put("%00", "x")).status, 400);
    assert.equal((await put("", "x")).status, 400);
    assert.equal((await put("%ff", "x")).status, 400);
    assert.equal((await put("k".repeat(1025), "x")).status, 400);
  });

  test("a listing pages in the order of bytes and folds folders", async () => {
    await cluster.client(token).call(bucketRoutes.create, { body: { name: "list" } });
    const keys = ["a", "b/1", "b/2", "c/x/1", "z", "ä"];
    for (const key of keys) {
      await send({ method: "PUT", path: `/v1/objects/list/${encodeURIComponent(key)}`, body: key });
    }
    const client = cluster.client(token);
    const params = { bucket: "list" };
    const seen: string[] = [];
    let page: string | undefined;
    do {
      const query = { limit: 2, ...(page === undefined ? {} : { page }) };
      const answer = await client.call(objectRoutes.list, { params, query });
      seen.push(...answer.items.map(({ key }) => key));
      page = answer.nextPage;
    } while (page !== undefined);
    assert.deepEqual(seen, keys);
    const folded = await client.call(objectRoutes.list, { params, query: { delimiter: "/" } });
    assert.deepEqual(
      [folded.items.map(({ key }) => key), folded.prefixes],
      [
        ["a", "z", "ä"],
        ["b/", "c/"],
      ],
    );
  });

  test("a bucket with objects is not deleted, an empty one is, and its name is free again", async () => {
    const client = cluster.client(token);
    await client.call(bucketRoutes.create, { body: { name: "brief" } });
    const bytes = (async function* () {
      yield Buffer.from("x");
    })();
    await client.upload(objectRoutes.put, { params: { bucket: "brief", key: "k" }, bytes });
    const gone = () => client.call(bucketRoutes.delete, { params: { name: "brief" } });
    await assert.rejects(gone(), { code: "conflict", reason: "not-empty" });
    await client.call(objectRoutes.delete, { params: { bucket: "brief", key: "k" } });
    await gone();
    await client.call(bucketRoutes.create, { body: { name: "brief" } });
  });

  test("one whose chunks are gone is refused before it begins; its name is told to who may read it", async () => {
    const content = randomBytes(200_000);
    assert.equal((await put("lost", content)).status, 201);
    const storage = join(cluster.directory, "data", "storage");
    const before = await chunkFiles(storage);
    assert.equal((await put("doomed", content)).status, 201);
    for (const file of await chunkFiles(storage)) if (!before.includes(file)) await rm(file);
    const answer = await send({ path: "/v1/objects/box/doomed" });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [500, "application/problem+json"]);
    assert.match(answer.body.toString(), /All copies of a part of the object are damaged or gone/);
    const { client: operator } = await cluster.user("ops", "operator");
    const told = async (client: Client) => (await client.call(nodeRoutes.storage)).lostObjects;
    for (let tries = 0; (await told(cluster.admin)).length === 0; tries++) {
      assert.ok(tries < 600, "the status does not tell");
      await sleep(50);
    }
    assert.deepEqual(await told(cluster.admin), [{ bucket: "box", key: "doomed" }]);
    assert.deepEqual(await told(operator), []);
    const { problems } = await operator.call(nodeRoutes.status);
    assert.match(problems.join(), /1 chunk of an object has no good copy on any disk here: /);
    assert.deepEqual((await send({ path: "/v1/objects/box/lost" })).body, content);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 10_000; !(await holds()); await sleep(20)) {
    assert.ok(performance.now() < deadline, "in time");
  }
}
