/** That the handlers say who asks: what a narrow token of an admin is refused over the wire. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster[Symbol.asyncDispose]());

test("a narrow token of an admin makes no admin, raises nobody, sets no password and binds nobody", async () => {
  await cluster.user("mia");
  await cluster.admin.call(projectRoutes.create, { body: { name: "team" } });
  const { secret } = await cluster.admin.call(tokenRoutes.create, {
    body: {
      name: "narrow",
      scopes: {
        "auth.cloud.users": ["read", "create", "update"],
        "auth.cloud.passwords": ["update"],
        auth: ["read"],
        "auth.*.bindings": ["create"],
      },
    },
  });
  const narrow = cluster.client(secret);
  const refused = { code: "forbidden", message: /scopes of your token do not cover/ };
  await assert.rejects(narrow.call(userRoutes.create, { body: { name: "eve", spec: { role: "admin" } } }), refused);
  const mia = { name: "mia" };
  await assert.rejects(narrow.call(userRoutes.update, { params: mia, body: { spec: { role: "admin" } } }), refused);
  await assert.rejects(
    narrow.call(userRoutes.password, { params: mia, body: { password: "a new password" } }),
    refused,
  );
  await assert.rejects(
    narrow.call(bindingRoutes.create, { body: { project: "team", user: "mia", role: "member" } }),
    refused,
  );
  await narrow.call(userRoutes.update, { params: mia, body: { spec: { disabled: true } } });
});

test("what a token makes goes with it, and nobody is shown who made it", async () => {
  const { client } = await cluster.user("zoe");
  const { secret } = await client.call(tokenRoutes.create, { body: { name: "maker", expiresInSeconds: 600 } });
  const maker = cluster.client(secret);
  await assert.rejects(maker.call(tokenRoutes.create, { body: { name: "long", expiresInSeconds: 3600 } }), {
    code: "forbidden",
  });
  const child = await maker.call(tokenRoutes.create, { body: { name: "child" } });
  const { spec } = await client.call(tokenRoutes.get, { params: { name: "maker" } });
  assert.equal(child.token.spec.expiresAt, spec.expiresAt);
  assert.doesNotMatch(JSON.stringify(child), /madeBy/);
  const heir = cluster.client(child.secret);
  assert.equal((await heir.call(sessionRoutes.whoami)).userName, "zoe");
  await client.call(tokenRoutes.delete, { params: { name: "maker" } });
  await assert.rejects(heir.call(sessionRoutes.whoami), { code: "unauthenticated" });
});

test("a login with half a character for a name is a wrong login", async () => {
  const login = cluster.client().call(sessionRoutes.create, { body: { name: "\ud800", password: "wrong password" } });
  await assert.rejects(login, { code: "unauthenticated" });
});
