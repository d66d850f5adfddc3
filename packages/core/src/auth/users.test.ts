import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import type { Permission } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD } from "../domain/resource.ts";
import type { Store } from "../domain/store.ts";
import { createAuthWorld, intercept, PASSWORD } from "../testing/auth-world.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const CREATE_BUCKETS: Permission = { root: "storage", resource: "buckets", action: "create" };

test("a user comes with the project of the same name and a binding, in one transaction", async () => {
  await using world = await createAuthWorld();
  const before = world.store.revision;
  const { user, password } = await world.auth.users.create({
    name: "mia",
    password: PASSWORD,
    labels: { team: "red" },
  });
  assert.equal(world.store.revision, before + 1);
  assert.equal(password, undefined);
  assert.deepEqual(user.resource.spec, { role: "member", disabled: false });
  const project = await world.auth.projects.get("mia");
  const bindings = await world.auth.projects.bindings(project.resource.meta.uid);
  assert.deepEqual(
    bindings.items.map(({ resource }) => [resource.meta.name, resource.spec]),
    [["mia", { user: user.resource.meta.uid, role: "member" }]],
  );
  assert.equal(
    (await world.store.list({ prefix: "/user/", selector: [{ key: "team", in: ["red"] }] })).entries.length,
    1,
  );
});

test("without a password one is made, and works", async () => {
  await using world = await createAuthWorld();
  const { password } = await world.auth.users.create({ name: "mia" });
  assert.ok(password !== undefined && password.length >= 24);
  await world.auth.sessions.login({ name: "mia", password });
});

test("users and projects share their names, whoever comes first", async () => {
  await using world = await createAuthWorld();
  await world.auth.projects.create({ name: "team" });
  await assert.rejects(world.auth.users.create({ name: "team" }), is("conflict/exists"));
  await world.auth.users.create({ name: "mia" });
  await assert.rejects(world.auth.projects.create({ name: "mia" }), is("conflict/exists"));
  await assert.rejects(world.auth.users.create({ name: "mia" }), is("conflict/exists"));
  for (const name of ["anonymous", CLOUD, "Mia", "-a", "a".repeat(64), ""]) {
    await assert.rejects(world.auth.users.create({ name }), is("invalid"), name);
    await assert.rejects(world.auth.projects.create({ name }), is("invalid"), name);
  }
  const racing = await Promise.allSettled(Array.from({ length: 5 }, () => world.auth.users.create({ name: "zoe" })));
  assert.equal(racing.filter(({ status }) => status === "fulfilled").length, 1);
  await assert.rejects(world.auth.users.create({ name: "pat", password: "short" }), is("invalid"));
  await assert.rejects(world.auth.users.create({ name: "pat", role: "root" as never }), is("invalid"));
});

test("no answer holds a hash", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { session } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const { users, tokens, sessions } = world.auth;
  const answers = [
    await users.get("mia"),
    await users.list(),
    users.find("mia"),
    await users.update("mia", { labels: { a: "b" } }),
    await tokens.list(mia.project),
    await tokens.get(mia.project, "full"),
    await sessions.list(mia.project),
    await sessions.get(mia.project, session.resource.meta.uid),
    session,
  ];
  for (const answer of answers) assert.doesNotMatch(JSON.stringify(answer), /argon2|Hash|[0-9a-f]{64}/);
});

test("the last enabled admin stays: not demoted, not disabled, not deleted", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  await world.addUser("mia");
  const refused = async () => {
    await assert.rejects(world.auth.users.update("root", { role: "member" }), is("conflict"));
    await assert.rejects(world.auth.users.update("root", { disabled: true }), is("conflict"));
    await assert.rejects(world.auth.users.delete("root"), is("conflict"));
  };
  await refused();
  await world.addUser("second", "admin");
  await world.auth.users.update("second", { disabled: true });
  await refused();
  await world.auth.users.update("second", { disabled: false });
  await world.auth.users.update("root", { role: "member" });
  await assert.rejects(world.auth.users.update("second", { disabled: true }), is("conflict"));
});

test("two admins who remove each other at the same time leave one", async () => {
  for (const seed of [1, 2, 3]) {
    await using world = await createAuthWorld({ seed });
    await world.addUser("a", "admin");
    await world.addUser("b", "admin");
    const results = await Promise.allSettled([
      seed === 1 ? world.auth.users.delete("a") : world.auth.users.update("a", { role: "member" }),
      seed === 3 ? world.auth.users.delete("b") : world.auth.users.update("b", { disabled: true }),
    ]);
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    const admins = (await world.auth.users.list()).items.filter(({ resource }) => {
      return resource.spec.role === "admin" && !resource.spec.disabled;
    });
    assert.equal(admins.length, 1);
  }
});

test("an update of another state than the one that was seen is refused", async () => {
  await using world = await createAuthWorld();
  const { user } = await world.auth.users.create({ name: "mia" });
  const updated = await world.auth.users.update("mia", { role: "viewer", revision: user.revision });
  assert.equal(updated.resource.meta.generation, 2);
  await assert.rejects(
    world.auth.users.update("mia", { role: "member", revision: user.revision }),
    is("conflict/precondition"),
  );
  await assert.rejects(world.auth.users.delete("mia", { revision: user.revision }), is("conflict/precondition"));
  await assert.rejects(world.auth.users.update("nobody", { role: "member" }), is("not_found"));
});

test("the role in the own project follows the user's role, and nothing else changes it", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const may = () =>
    world.auth.authorizer.allows(world.auth.authenticate(mia.bearer), CREATE_BUCKETS, { project: mia.project });
  assert.equal(may(), true);
  await world.auth.users.update("mia", { role: "viewer" });
  assert.equal(may(), false);
  await world.auth.users.update("mia", { role: "operator" });
  assert.equal(may(), true);
  await assert.rejects(world.auth.projects.bind("mia", "mia", "viewer"), is("conflict"));
  await assert.rejects(world.auth.projects.unbind("mia", "mia"), is("conflict"));
});

test("deleting a user takes project, sessions, tokens and bindings along", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  await world.addUser("zoe");
  await world.auth.projects.create({ name: "team" });
  await world.auth.projects.bind("team", "mia", "member");
  await world.auth.projects.bind("mia", "zoe", "viewer");
  const { bearer } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  await world.auth.users.delete("mia");
  for (const credential of [mia.bearer, bearer])
    assert.throws(() => world.auth.authenticate(credential), is("unauthenticated"));
  const left = (await world.store.list({ prefix: "/" })).entries.filter(({ key, value }) => {
    return key.includes("mia") || key.includes(mia.project) || JSON.stringify(value).includes(mia.uid);
  });
  assert.deepEqual(left, []);
  await assert.rejects(world.auth.users.delete("mia"), is("not_found"));
  const again = await world.addUser("mia");
  assert.notEqual(again.project, mia.project);
});

test("a user with more bindings than a transaction holds is deleted whole", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  const teams = LIMITS.store.maxTransactionOps + 10;
  for (let i = 0; i < teams; i++) {
    await world.auth.projects.create({ name: `team-${i}` });
    await world.auth.projects.bind(`team-${i}`, "mia", "viewer");
  }
  await world.auth.users.delete("mia");
  assert.deepEqual((await world.auth.projects.bindings()).items, []);
});

test("a user whose project owns something stays as it was", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const principal = world.auth.authenticate(mia.bearer);
  world.occupied.add(mia.project);
  await assert.rejects(world.auth.users.delete("mia"), is("conflict/not-empty"));
  assert.equal(principal.changed.aborted, false, "nothing was taken from the user");
  world.occupied.delete(mia.project);
  await world.auth.users.delete("mia");
});

test("what a project has left elsewhere goes with it; while that cannot be, both stay as they were", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  await world.auth.projects.create({ name: "team" });
  const team = world.auth.projects.find("team")?.meta.uid ?? "";
  world.stuck.add(mia.project).add(team);
  await assert.rejects(world.auth.users.delete("mia"), is("unavailable"));
  await assert.rejects(world.auth.projects.delete("team"), is("unavailable"));
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia");
  assert.equal((await world.auth.projects.get("team")).resource.meta.deletingSince, undefined);
  world.stuck.clear();
  await world.auth.users.delete("mia");
  await world.auth.projects.delete("team");
  assert.deepEqual(world.released, [mia.project, team]);
});

test("what comes into a project while it is deleted is found, and the deletion taken back", async () => {
  let occupy: (() => void) | undefined;
  await using world = await createAuthWorld({
    wrapStore: (store) =>
      intercept(store, async ({ then }) => {
        if (then.some((op) => op.op === "put" && JSON.stringify(op.value).includes("deletingSince"))) occupy?.();
      }),
  });
  const mia = await world.addUser("mia");
  await world.auth.projects.create({ name: "team" });
  const team = world.auth.projects.find("team")?.meta.uid ?? "";
  occupy = () => world.occupied.add(mia.project).add(team);
  await assert.rejects(world.auth.users.delete("mia"), is("conflict/not-empty"));
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia");
  world.occupied.clear();
  await assert.rejects(world.auth.projects.delete("team"), is("conflict/not-empty"));
  assert.equal((await world.auth.projects.get("team")).resource.meta.deletingSince, undefined);
});

test("a deletion that a crash cut short is finished by the job", async () => {
  let dead = false;
  const stopAfterMark = (store: Store) =>
    intercept(store, async ({ then }) => {
      if (dead) throw new Error("the process died here");
      if (JSON.stringify(then).includes("deletingSince")) dead = true;
    });
  const memory = await (async () => {
    await using world = await createAuthWorld({ wrapStore: stopAfterMark });
    await world.addUser("mia");
    await assert.rejects(world.auth.users.delete("mia"), /died/);
    return world.memory;
  })();
  await using world = await createAuthWorld({ memory, seed: 2 });
  assert.equal(world.auth.users.find("mia")?.meta.deletingSince !== undefined, true);
  await assert.rejects(world.auth.sessions.login({ name: "mia", password: PASSWORD }), is("unauthenticated"));
  await assert.rejects(world.auth.tokens.create({ user: "mia", name: "t" }), is("conflict"));
  await assert.rejects(world.auth.users.update("mia", { disabled: false }), is("conflict"));
  const [job] = world.auth.jobs;
  await job?.run({ signal: new AbortController().signal, progress() {} });
  assert.ok(world.auth.users.find("mia"), "one that has just begun is let be");
  await world.clock.advance(61_000);
  await job?.run({ signal: new AbortController().signal, progress() {} });
  assert.deepEqual((await world.store.list({ prefix: "/" })).entries, []);
});

test("changing the own password needs the current one, and ends the other sessions", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const other = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const mine = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const by = world.auth.authenticate(mine.bearer);
  const change = { name: "mia", password: "a new long password", by };
  await assert.rejects(world.auth.users.changePassword(change), is("forbidden"));
  await assert.rejects(world.auth.users.changePassword({ ...change, current: "wrong wrong wrong" }), is("forbidden"));
  await assert.rejects(
    world.auth.users.changePassword({ ...change, password: "short", current: PASSWORD }),
    is("invalid"),
  );
  await world.auth.users.changePassword({ ...change, current: PASSWORD });
  assert.throws(() => world.auth.authenticate(other.bearer), is("unauthenticated"));
  assert.equal(world.auth.authenticate(mine.bearer).userName, "mia");
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia", "tokens stay");
  await assert.rejects(world.auth.sessions.login({ name: "mia", password: PASSWORD }), is("unauthenticated"));
  await world.auth.sessions.login({ name: "mia", password: "a new long password" });
});

test("guessing the current password is bounded as the login is", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const by = world.auth.authenticate(mia.bearer);
  const guess = () =>
    world.auth.users.changePassword({ name: "mia", password: "a new long password", current: "wrong", by });
  for (let i = 0; i < LIMITS.auth.maxLoginsPerUser; i++) await assert.rejects(guess(), is("forbidden"));
  await assert.rejects(guess(), is("exhausted/rate"));
});

test("an admin sets another's password without the current one", async () => {
  await using world = await createAuthWorld();
  const root = await world.addUser("root", "admin");
  await world.addUser("mia");
  const { bearer } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  await world.auth.users.changePassword({
    name: "mia",
    password: "set by the admin",
    by: world.auth.authenticate(root.bearer),
  });
  assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  await world.auth.sessions.login({ name: "mia", password: "set by the admin" });
});
