/** The access log over the API: who sees which lines, and that a stream follows rotations, kills and changes of rights. */
import assert from "node:assert/strict";
import { appendFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { RouteQuery } from "@skerry/core/contract/route.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

interface Line {
  readonly path: string;
}
type Query = RouteQuery<typeof accessLogRoutes.read>;

let cluster: TestCluster;
let directory = "";
let ann: Awaited<ReturnType<TestCluster["user"]>>;
let ben: Awaited<ReturnType<TestCluster["user"]>>;
/** Name of a route to the facts that its lines have. */
const facts: Record<string, { route: string; name: string; project: string }> = {};

before(async () => {
  cluster = await startTestCluster();
  directory = join(cluster.directory, "data", "log", "gateway");
  await mkdir(directory, { recursive: true });
  ann = await cluster.user("ann");
  ben = await cluster.user("ben");
  for (const [who, name] of [
    [ann, "shop"],
    [ann, "blog"],
    [ben, "wiki"],
  ] as const) {
    const spec = { host: `${name}.example.com`, to: "http://192.0.2.1" };
    const { meta } = await who.client.call(routeRoutes.create, { body: { name, spec } });
    const owner = who === ann ? "ann" : "ben";
    facts[name] = { route: meta.uid, name, project: await projectUid(owner) };
  }
});
after(() => cluster[Symbol.asyncDispose]());

/** Uids of projects are in the table that workers get. */
async function projectUid(name: string): Promise<string> {
  return (await cluster.admin.call(projectRoutes.get, { params: { name } })).meta.uid;
}

let second = 0;
/** A line as workers write it. */
function line(path: string, route?: string, more: object = {}): string {
  const time = new Date(Date.UTC(2026, 0, 1) + ++second * 1000).toISOString();
  return `${JSON.stringify({ time, id: "i", ...(route && facts[route]), path, status: 200, ...more })}\n`;
}

async function read(client: Client, query: Query) {
  const { body } = await client.download(accessLogRoutes.read, { params: {}, query });
  let text = "";
  for await (const part of body) text += Buffer.from(part).toString("latin1");
  return text
    .split("\n")
    .slice(0, -1)
    .map((one) => (JSON.parse(one) as Line).path);
}

/** Follows; `has` resolves when all of these paths have come, in this order, and nothing else. */
function follow(client: Client, query: Query = {}) {
  const stop = new AbortController();
  const seen: string[] = [];
  const ended = (async () => {
    const options = { params: {}, query: { ...query, follow: "1" as const }, signal: stop.signal };
    const { body } = await client.download(accessLogRoutes.read, options);
    let rest = "";
    for await (const part of body) {
      const lines = (rest + Buffer.from(part).toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      seen.push(...lines.map((one) => (JSON.parse(one) as Line).path));
    }
  })();
  ended.catch(() => undefined);
  return {
    seen,
    ended,
    async has(...paths: string[]) {
      for (let turn = 0; turn < 1000 && seen.length < paths.length; turn++)
        await new Promise((go) => setTimeout(go, 20));
      assert.deepEqual(seen, paths);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended.catch(() => undefined);
    },
  };
}

test("each sees the lines of the routes that he may read, merged by time; who may see all also those of none", async () => {
  const [one, two, three, four, five] = [
    line("/shop", "shop"),
    line("/wiki", "wiki"),
    line("/none", undefined, { status: 404, error: "not_found/route" }),
    line("/blog", "blog", { status: 502, error: "unavailable/upstream" }),
    line("/gone", undefined, { route: "a-route-that-was-removed", project: facts["shop"]?.project }),
  ];
  await writeFile(join(directory, "access-0.log"), `${one}${three}no json\n{"time":1}\n${five}`);
  await writeFile(join(directory, "access-1.log"), `${two}${four}{"time":"2026-01-01T00:00:09`);
  await writeFile(join(directory, "other.log"), line("/other", "shop"));
  assert.deepEqual(await read(cluster.admin, {}), ["/shop", "/wiki", "/none", "/blog", "/gone"]);
  assert.deepEqual(await read(ann.client, {}), ["/shop", "/blog", "/gone"]);
  assert.deepEqual(await read(ben.client, {}), ["/wiki"]);
  assert.deepEqual(await read(ann.client, { errors: "1" }), ["/blog"]);
  assert.deepEqual(await read(ann.client, { route: "shop" }), ["/shop"]);
  assert.deepEqual(await read(cluster.admin, { project: "ben" }), ["/wiki"]);
  assert.deepEqual(await read(cluster.admin, { tail: 2 }), ["/blog", "/gone"]);
  assert.deepEqual(await read(cluster.admin, { tail: 0 }), []);
  await assert.rejects(read(ben.client, { route: "shop", project: "ann" }), { code: "not_found" });
  await assert.rejects(read(cluster.client(), {}), { code: "unauthenticated" });
});

test("the newest of a long log are found over its files, however long a line is", async () => {
  const many = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) =>
      line(`/${from + n}`, "shop", { fill: "x".repeat(n % 7 === 0 ? 9000 : 9) }),
    );
  await writeFile(join(directory, "access-0.log.1"), many(0, 300).join(""));
  await writeFile(join(directory, "access-0.log"), many(300, 320).join(""));
  await writeFile(join(directory, "access-1.log"), "");
  const expected = (from: number) => Array.from({ length: 320 - from }, (_, n) => `/${from + n}`);
  assert.deepEqual(await read(ann.client, { tail: 10 }), expected(310));
  assert.deepEqual(await read(ann.client, { tail: 200 }), expected(120));
  assert.deepEqual(await read(ann.client, { tail: LIMITS.gateway.maxAccessTail }), expected(0));
});

test("who follows gets what comes, over rotations and torn lines, each line once", async () => {
  const file = join(directory, "access-0.log");
  await writeFile(file, line("/before", "shop"));
  await using stream = follow(ann.client, { tail: 1 });
  await stream.has("/before");
  const torn = line("/torn", "shop");
  await appendFile(file, torn.slice(0, 20));
  await appendFile(file, torn.slice(20));
  await stream.has("/before", "/torn");
  // Twice between two looks: what is in the middle must not be missed.
  await appendFile(file, line("/last of one", "shop"));
  await rename(file, `${file}.1`);
  await writeFile(file, line("/all of two", "shop"));
  await rename(`${file}.1`, `${file}.2`);
  await rename(file, `${file}.1`);
  await writeFile(file, line("/first of three", "shop"));
  await stream.has("/before", "/torn", "/last of one", "/all of two", "/first of three");
  await writeFile(join(directory, "access-2.log"), line("/a new worker", "shop") + line("/not hers", "wiki"));
  await stream.has("/before", "/torn", "/last of one", "/all of two", "/first of three", "/a new worker");
});

test("who loses a right sees no more lines of it; who asked for one route is cut", async () => {
  const file = join(directory, "access-0.log");
  await writeFile(file, "");
  await cluster.admin.call(bindingRoutes.create, { body: { project: "ann", user: "ben", role: "viewer" } });
  await using all = follow(ben.client, { tail: 0 });
  await using one = follow(ben.client, { tail: 0, route: "shop", project: "ann" });
  // Until both follow.
  for (let n = 0; all.seen.length === 0 || one.seen.length === 0; n++) {
    assert.ok(n < 100);
    await appendFile(file, line("/shop", "shop"));
    await new Promise((go) => setTimeout(go, 200));
  }
  await cluster.admin.call(bindingRoutes.delete, { params: { name: "ben" }, query: { project: "ann" } });
  await assert.rejects(one.ended, { code: "unavailable" });
  await appendFile(file, line("/secret", "shop") + line("/wiki", "wiki"));
  for (let n = 0; !all.seen.includes("/wiki"); n++) {
    assert.ok(n < 1000);
    await new Promise((go) => setTimeout(go, 20));
  }
  assert.ok(!all.seen.includes("/secret"), all.seen.join());
});
