import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { startTestCluster } from "../testing/test-cluster.ts";

test("what an upstream does about backends that fail is shown as it was said, replaced part by part, and taken back", async () => {
  await using cluster = await startTestCluster();
  const mia = (await cluster.user("mia")).client;
  const care = { breaker: { failures: 3 }, health: { path: "/healthz", status: "200" }, slowStartMs: 1000 };
  const backends = [{ name: "a", to: "http://198.51.100.1" }];
  const body = { name: "cared", spec: { backends, ...care } };
  const made = await mia.call(upstreamRoutes.create, { body });
  const { backends: _, ...shown } = made.spec;
  assert.deepEqual(shown, care);
  const change = (spec: object) => mia.call(upstreamRoutes.update, { params: { name: "cared" }, body: { spec } });
  const changed = await change({ breaker: null, ejection: {}, slowStartMs: 0 });
  assert.deepEqual({ ...changed.spec, backends: [] }, { backends: [], health: care.health, ejection: {} });
  for (const wrong of [
    { breaker: { failures: 0 } },
    { breaker: { fails: 1 } },
    { ejection: { maxPercent: 101 } },
    { health: { path: "healthz" } },
    { health: { path: "/a b" } },
    { health: { status: "2xx" } },
    { health: { status: "300-200" } },
    { health: { host: "a\r\nb" } },
    { health: { intervalMs: 1 } },
    { slowStartMs: -1 },
  ]) {
    await assert.rejects(change(wrong), (error) => isError(error, "invalid"), JSON.stringify(wrong));
  }
  await mia.call(upstreamRoutes.delete, { params: { name: "cared" } });
});
