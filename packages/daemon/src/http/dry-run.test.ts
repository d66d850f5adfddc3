/** `?dryRun=1`: decided as the call itself, and nothing is done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import type { SkerryError } from "@skerry/core/domain/errors.ts";
import { startTestCluster } from "../testing/test-cluster.ts";

/** Each route that has a dry run: a call that works, for the admin. Expected of a member: what the call itself gets. */
const CALLS: readonly { route: Route; params?: object; body: object; member: string }[] = [
  { route: bucketRoutes.create as Route, body: { name: "fresh", project: "admin" }, member: "not_found" },
  {
    route: bucketRoutes.update as Route,
    params: { name: "seen" },
    body: { spec: { visibility: "public" } },
    member: "forbidden",
  },
  { route: userRoutes.create as Route, body: { name: "bob" }, member: "forbidden" },
  {
    route: userRoutes.update as Route,
    params: { name: "mem" },
    body: { spec: { role: "admin" } },
    member: "forbidden",
  },
  { route: projectRoutes.create as Route, body: { name: "team" }, member: "forbidden" },
];

test("a dry run gets what the call would get, and changes nothing", async () => {
  const takes = ROUTES.filter(({ query }) => query.safeParse({ dryRun: "1" }).success).map(({ id }) => id);
  assert.deepEqual(takes.sort(), CALLS.map(({ route }) => route.id).sort());
  await using cluster = await startTestCluster();
  const { client: member } = await cluster.user("mem");
  const seen = { name: "seen", spec: { visibility: "visible" } } as const;
  await cluster.admin.call(bucketRoutes.create, { body: seen });
  const revision = async () => (await cluster.admin.call(nodeRoutes.status)).revision;
  const outcome = (client: Client, { route, params, body }: (typeof CALLS)[number], query: object) =>
    client.call(route, { ...(params === undefined ? {} : { params }), body, query } as never).then(
      (answer) => (answer === undefined ? "nothing" : "done"),
      (error: SkerryError) => error.code,
    );
  const before = await revision();
  for (const call of CALLS) {
    assert.equal(await outcome(cluster.admin, call, { dryRun: "1" }), "nothing", call.route.id);
    assert.equal(await outcome(member, call, { dryRun: "1" }), call.member, call.route.id);
    assert.equal(await outcome(member, call, {}), call.member, call.route.id);
    assert.equal(await outcome(cluster.client(), call, { dryRun: "1" }), "unauthenticated", call.route.id);
    assert.equal(await outcome(cluster.admin, call, { dryRun: "0" }), "invalid", call.route.id);
  }
  assert.equal(await revision(), before);
  for (const call of CALLS) assert.equal(await outcome(cluster.admin, call, {}), "done", call.route.id);
  assert.ok((await revision()) > before);
  const { items } = await cluster.admin.call(nodeRoutes.audit, { query: { limit: 100 } });
  const created = items.filter(({ action, outcome: was }) => action === projectRoutes.create.id && was === "ok");
  assert.equal(created.length, 1, "what was not done is not recorded as done");
});
