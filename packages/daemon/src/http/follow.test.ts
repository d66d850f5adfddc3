/** What is followed without lying in the store: audit records, jobs, objects. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { ClientEvent } from "@skerry/core/contract/client/events.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster[Symbol.asyncDispose]());

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
const put = (client: Client, bucket: string, key: string) =>
  client.upload(objectRoutes.put, { params: { bucket, key }, bytes: bytesOf(key) });

/** Takes events until one is as wanted. */
async function until<T>(events: AsyncGenerator<ClientEvent<T>>, wanted: (event: ClientEvent<T>) => boolean) {
  const seen: ClientEvent<T>[] = [];
  for (;;) {
    const { value, done } = await events.next();
    assert.ok(!done, "it goes on");
    seen.push(value);
    if (wanted(value)) return seen;
  }
}

test("audit records come as they are written, each once", async () => {
  const stop = new AbortController();
  const events = cluster.admin.watch(nodeRoutes.audit, { query: { limit: 5 }, signal: stop.signal });
  await cluster.admin.call(bucketRoutes.create, { body: { name: "audited" } });
  const [first] = await until(events, ({ type }) => type === "reset");
  assert.ok(first?.type === "reset" && first.items[0]?.target === "bucket/audited");
  await cluster.admin.call(bucketRoutes.delete, { params: { name: "audited" } });
  await cluster.admin.call(bucketRoutes.create, { body: { name: "after" } });
  const seen = await until(events, (event) => event.type === "put" && event.item.target === "bucket/after");
  const actions = seen.flatMap((event) => (event.type === "put" ? [event.item.action] : []));
  assert.deepEqual(actions, ["bucket.delete", "bucket.create"]);
  stop.abort();
});

test("jobs tell when they run and when they have ended", async () => {
  const stop = new AbortController();
  const events = cluster.admin.watch(nodeRoutes.jobs, { signal: stop.signal });
  await until(events, ({ type }) => type === "reset");
  await cluster.admin.call(bucketRoutes.create, { body: { name: "rubbish" } });
  await put(cluster.admin, "rubbish", "a");
  await cluster.admin.call(objectRoutes.delete, { params: { bucket: "rubbish", key: "a" } });
  const of = (state: string) => (event: ClientEvent<{ name: string; state: string }>) =>
    event.type === "put" && event.item.name === "storage.garbage" && event.item.state === state;
  await until(events, of("running"));
  await until(events, of("idle"));
  stop.abort();
});

test("an operator who becomes a member sees no more of the jobs, and never the audit log", async () => {
  const { client: opal } = await cluster.user("opal", "operator");
  await assert.rejects(opal.watch(nodeRoutes.audit, { signal: AbortSignal.timeout(60_000) }).next(), {
    code: "forbidden",
  });
  const events = opal.watch(nodeRoutes.jobs, { signal: AbortSignal.timeout(60_000) });
  await until(events, ({ type }) => type === "reset");
  const rest = (async () => {
    for await (const _ of events);
  })();
  await cluster.admin.call(userRoutes.update, { params: { name: "opal" }, body: { spec: { role: "member" } } });
  await assert.rejects(rest, { code: "forbidden" });
});

test("objects come and go, below a prefix and as folders; what lies elsewhere tells nothing", async () => {
  for (const name of ["live", "elsewhere"]) await cluster.admin.call(bucketRoutes.create, { body: { name } });
  await put(cluster.admin, "live", "docs/a");
  const params = { bucket: "live" };
  const first = await cluster.admin.call(objectRoutes.list, { params, query: { prefix: "docs/", delimiter: "/" } });
  await put(cluster.admin, "elsewhere", "docs/no");
  for (const key of ["docs/b", "no", "docs/deep/c", "docs/deep/d"]) await put(cluster.admin, "live", key);
  for (const key of ["docs/a", "docs/deep/c", "docs/deep/d", "docs/b"])
    await cluster.admin.call(objectRoutes.delete, { params: { bucket: "live", key } });
  const query = { prefix: "docs/", delimiter: "/", watch: "1", from: first.revision + 1 } as const;
  const { body } = await cluster.admin.download(objectRoutes.list, { params, query });
  let text = "";
  for await (const part of body) {
    text += Buffer.from(part).toString();
    if (text.includes("event: progress")) break;
  }
  const told = [...text.matchAll(/^event: (put|delete)\nid: \d+\ndata: (.*)$/gm)].map(([, type, data = ""]) => {
    const { key, prefix } = JSON.parse(data) as { key?: string; prefix?: string };
    return `${type} ${key ?? prefix}`;
  });
  // Each as it is now: all of them have gone meanwhile.
  assert.deepEqual(told, [
    ...["delete docs/b", "delete docs/deep/", "delete docs/deep/"],
    ...["delete docs/a", "delete docs/deep/", "delete docs/deep/", "delete docs/b"],
  ]);
});

test("an object as it is now; a bucket that is closed, or gone, ends the watch of those who may see it no more", async () => {
  await cluster.admin.call(bucketRoutes.create, { body: { name: "open", spec: { visibility: "visible" } } });
  const { client: pia } = await cluster.user("pia");
  const params = { bucket: "open" };
  const { revision } = await pia.call(objectRoutes.list, { params });
  const query = { watch: "1", from: revision + 1 } as const;
  const { body } = await pia.download(objectRoutes.list, { params, query });
  await put(cluster.admin, "open", "seen");
  let text = "";
  let closed = false;
  for await (const part of body) {
    text += Buffer.from(part).toString();
    if (text.includes('"key":"hidden"')) break;
    if (closed || !text.includes('"key":"seen"')) continue;
    closed = true;
    await cluster.admin.call(bucketRoutes.update, {
      params: { name: "open" },
      body: { spec: { visibility: "private" } },
    });
    await put(cluster.admin, "open", "hidden");
  }
  assert.match(text, /event: put\nid: \d+\ndata: .*"key":"seen".*"sizeBytes":4/);
  assert.match(text, /event: end\ndata: .*"compacted"/);
  assert.doesNotMatch(text, /"key":"hidden"/);
  await assert.rejects(pia.download(objectRoutes.list, { params, query }), { code: "not_found" });
});
