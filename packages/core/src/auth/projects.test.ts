import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import type { Permission } from "../domain/identity.ts";
import { createAuthWorld } from "../testing/auth-world.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const CREATE_BUCKETS: Permission = { root: "storage", resource: "buckets", action: "create" };

test("projects of teams: members come and go, a user's own project cannot be deleted alone", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const team = await world.auth.projects.create({ name: "team", description: "us" });
  const project = team.resource.meta.uid;
  const may = (action: Permission["action"]) =>
    world.auth.authorizer.allows(world.auth.authenticate(mia.bearer), { ...CREATE_BUCKETS, action }, { project });
  assert.equal(may("read"), false);
  const bound = await world.auth.projects.bind("team", "mia", "member");
  assert.equal(may("create"), true);
  const rebound = await world.auth.projects.bind("team", "mia", "viewer");
  assert.deepEqual([may("create"), may("read")], [false, true]);
  assert.equal(rebound.resource.meta.uid, bound.resource.meta.uid);
  assert.equal(rebound.resource.meta.generation, 2);
  await world.auth.projects.unbind("team", "mia");
  assert.equal(may("read"), false);
  await assert.rejects(world.auth.projects.unbind("team", "mia"), is("not_found"));
  await assert.rejects(world.auth.projects.bind("team", "nobody", "viewer"), is("not_found"));
  await assert.rejects(world.auth.projects.bind("team", "mia", "admin" as never), is("invalid"));
  await assert.rejects(world.auth.projects.delete("mia"), is("conflict"));
  world.occupied.add(project);
  await assert.rejects(world.auth.projects.delete("team"), is("conflict/not-empty"));
  world.occupied.clear();
  await world.auth.projects.bind("team", "mia", "member");
  await world.auth.projects.delete("team");
  assert.equal(may("read"), false);
  assert.equal((await world.auth.projects.bindings(project)).items.length, 0);
});

test("lists come in pages as of one revision", async () => {
  await using world = await createAuthWorld();
  for (const name of ["a", "b", "c"]) await world.auth.users.create({ name });
  const first = await world.auth.users.list({ limit: 2 });
  await world.auth.users.create({ name: "bb" });
  assert.ok(first.next !== undefined);
  const second = await world.auth.users.list({ limit: 2, after: first.next, revision: first.revision });
  assert.deepEqual(
    [...first.items, ...second.items].map(({ resource }) => resource.meta.name),
    ["a", "b", "c"],
  );
});
