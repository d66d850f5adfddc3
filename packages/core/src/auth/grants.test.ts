import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import type { Principal, Role } from "../domain/identity.ts";
import { type AuthWorld, createAuthWorld, PASSWORD } from "../testing/auth-world.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const refusedFor = (field: string) => (error: unknown) =>
  isError(error, "forbidden") &&
  error.details?.["field"] === field &&
  /scopes of your token do not cover/.test(error.message);

/** What a member may in the own project, in any project. */
const OF_A_MEMBER = { storage: ["*"], gateway: ["*"], compute: ["*"], auth: ["*"] };
const NEW_PASSWORD = "set by the admin";

async function askers(world: AuthWorld, scopes: Record<string, Record<string, string[]>>) {
  const root = await world.addUser("root", "admin");
  const by: Record<string, Principal> = { full: world.auth.authenticate(root.bearer) };
  for (const [name, limits] of Object.entries(scopes)) {
    by[name] = world.auth.authenticate(await world.addToken("root", name, limits));
  }
  return (name: string): Principal => by[name] as Principal;
}

test("a narrow token of an admin makes no user who may more than it", async () => {
  await using world = await createAuthWorld();
  const by = await askers(world, {
    narrow: { "auth.cloud.users": ["create", "update"] },
    members: OF_A_MEMBER,
    all: { "*": ["*"] },
  });
  const create = (name: string, role: Role | undefined, who: string) =>
    world.auth.users.create({ name, ...(role === undefined ? {} : { role }), by: by(who) });
  for (const role of ["admin", "operator", "member", "viewer", undefined] as const) {
    await assert.rejects(create("eve", role, "narrow"), refusedFor("spec.role"), role);
  }
  for (const role of ["admin", "operator"] as const) {
    await assert.rejects(create("eve", role, "members"), refusedFor("spec.role"), role);
  }
  await assert.rejects(world.auth.users.get("eve"), is("not_found"));
  await create("mia", "member", "members");
  await create("zoe", "viewer", "members");
  await create("ann", "admin", "all");
  await create("bob", "admin", "full");
});

test("a narrow token raises no role and enables nobody, but lowers and disables", async () => {
  await using world = await createAuthWorld();
  const by = await askers(world, { narrow: { "auth.cloud.users": ["update"] }, members: OF_A_MEMBER });
  const { users } = world.auth;
  const update = (name: string, change: { role?: Role; disabled?: boolean }, who: string) =>
    users.update(name, { ...change, by: by(who) });
  await world.addUser("mia");
  const roles: readonly Role[] = ["viewer", "member", "operator", "admin"];
  for (const [power, from] of roles.entries()) {
    for (const [wanted, to] of roles.entries()) {
      await users.update("mia", { role: from });
      if (wanted > power) await assert.rejects(update("mia", { role: to }, "narrow"), refusedFor("spec.role"), to);
      else assert.equal((await update("mia", { role: to }, "narrow")).resource.spec.role, to);
    }
  }
  await users.update("mia", { role: "viewer" });
  await update("mia", { role: "member" }, "members");
  await users.update("mia", { role: "admin" });
  await update("mia", { disabled: true }, "narrow");
  await assert.rejects(update("mia", { disabled: false }, "narrow"), refusedFor("spec.disabled"));
  await assert.rejects(update("mia", { disabled: false }, "members"), refusedFor("spec.disabled"));
  await assert.rejects(update("mia", { disabled: false, role: "viewer" }, "narrow"), refusedFor("spec.disabled"));
  await update("mia", { role: "member" }, "narrow");
  await assert.rejects(update("mia", { role: "admin" }, "narrow"), refusedFor("spec.role"), "disabled or not");
  await update("mia", { disabled: false }, "members");
  await update("mia", { role: "admin" }, "full");
  await users.update("mia", { labels: { a: "b" }, by: by("narrow") });
});

test("a narrow token sets the password of nobody who may more than it", async () => {
  await using world = await createAuthWorld();
  const by = await askers(world, { narrow: { "auth.cloud.passwords": ["update"] }, members: OF_A_MEMBER });
  const set = (name: string, who: string) =>
    world.auth.users.changePassword({ name, password: NEW_PASSWORD, by: by(who) });
  await world.addUser("ann", "admin");
  await world.addUser("mia");
  await assert.rejects(set("ann", "narrow"), refusedFor("password"));
  await assert.rejects(set("mia", "narrow"), refusedFor("password"));
  await assert.rejects(set("ann", "members"), refusedFor("password"));
  for (const name of ["ann", "mia"]) await world.auth.sessions.login({ name, password: PASSWORD });
  await set("mia", "members");
  await set("ann", "full");
  for (const name of ["ann", "mia"]) await world.auth.sessions.login({ name, password: NEW_PASSWORD });
});

test("the password of a user with a binding needs what the binding gives, too", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const team = await world.auth.projects.create({ name: "team" });
  const own = (project: string) =>
    Object.fromEntries(["storage", "gateway", "compute", "auth"].map((root) => [`${root}.${project}`, ["*"]]));
  const limits = { ...own(mia.project), "auth.cloud": ["*"] };
  const by = await askers(world, { before: limits, both: { ...limits, ...own(team.resource.meta.uid) } });
  const set = (who: string) => world.auth.users.changePassword({ name: "mia", password: NEW_PASSWORD, by: by(who) });
  await set("before");
  await world.auth.projects.bind("team", "mia", "viewer");
  await assert.rejects(set("before"), refusedFor("password"));
  await set("both");
});

test("a narrow token binds only with roles that it covers, and may lower them", async () => {
  await using world = await createAuthWorld();
  const team = (await world.auth.projects.create({ name: "team" })).resource.meta.uid;
  const read = { [`storage.${team}`]: ["read"], [`gateway.${team}`]: ["read"], [`compute.${team}`]: ["read"] };
  const by = await askers(world, {
    narrow: { [`auth.${team}.bindings`]: ["create"] },
    reader: { ...read, [`auth.${team}`]: ["read", "create"] },
  });
  await world.addUser("mia");
  const bind = (role: "member" | "viewer", who: string) => world.auth.projects.bind("team", "mia", role, by(who));
  await assert.rejects(bind("viewer", "narrow"), refusedFor("role"));
  await assert.rejects(bind("member", "reader"), refusedFor("role"));
  await bind("viewer", "reader");
  await assert.rejects(bind("member", "narrow"), refusedFor("role"));
  await bind("member", "full");
  assert.equal((await bind("viewer", "narrow")).resource.spec.role, "viewer");
});

test("a principal that is no longer good, or was never one, gives nothing", async () => {
  await using world = await createAuthWorld();
  const by = (await askers(world, {}))("full");
  await assert.rejects(world.auth.users.create({ name: "eve", role: "admin", by: { ...by } }), is("unauthenticated"));
  await world.auth.tokens.delete(by.projectUid, "full");
  await assert.rejects(world.auth.users.create({ name: "eve", role: "admin", by }), is("unauthenticated"));
});

test("what a token declares stays when it ends; the tokens that it made do not", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  const short = world.auth.authenticate(await world.addToken("root", "short", undefined, 1000));
  await world.auth.users.create({ name: "mia", role: "admin", password: PASSWORD, by: short });
  const child = await world.auth.tokens.create({ user: "root", name: "child", by: short });
  await world.clock.advance(1000);
  const { user } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  assert.equal(user.spec.role, "admin");
  assert.throws(() => world.auth.authenticate(child.bearer), is("unauthenticated/expired"));
});

/** Something happens while a password is hashed, which takes its time. */
function whileHashing(world: AuthWorld, event: () => Promise<unknown>): void {
  const { hash } = world.hasher;
  Object.assign(world.hasher, {
    hash: async (password: string) => {
      Object.assign(world.hasher, { hash });
      await event();
      return hash(password);
    },
  });
}

test("a user who is raised while the password is hashed is not given to a narrow token", async () => {
  await using world = await createAuthWorld();
  const by = await askers(world, { members: OF_A_MEMBER });
  await world.addUser("mia");
  whileHashing(world, () => world.auth.users.update("mia", { role: "admin" }));
  const set = world.auth.users.changePassword({ name: "mia", password: NEW_PASSWORD, by: by("members") });
  await assert.rejects(set, refusedFor("password"));
  await world.auth.sessions.login({ name: "mia", password: PASSWORD });
});

test("who is revoked, or loses a right, while a password is hashed makes no user and sets no password", async () => {
  for (const what of ["user", "password"] as const) {
    await using world = await createAuthWorld();
    await world.addUser("mia");
    await world.addUser("second", "admin");
    const by = await askers(world, { narrow: { "*": ["*"] } });
    const act = (who: string) =>
      what === "user"
        ? world.auth.users.create({ name: "eve", role: "admin", by: by(who) })
        : world.auth.users.changePassword({ name: "mia", password: NEW_PASSWORD, by: by(who) });
    whileHashing(world, () => world.auth.tokens.delete(by("narrow").projectUid, "narrow"));
    await assert.rejects(act("narrow"), is("unauthenticated/revoked"));
    whileHashing(world, () => world.auth.users.update("root", { role: "member" }));
    await assert.rejects(act("full"), is("forbidden"));
    await assert.rejects(world.auth.users.get("eve"), is("not_found"));
    await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  }
});
