import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ErrorId, isError } from "../domain/errors.ts";
import {
  ACTIONS,
  type Action,
  PERMISSION_TREE,
  type Permission,
  type Principal,
  type Scopes,
} from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, newUid } from "../domain/resource.ts";
import { createAuthWorld, PASSWORD, until } from "../testing/auth-world.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { compileScopes } from "./scopes.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const READ_BUCKETS: Permission = { root: "storage", resource: "buckets", action: "read" };
const full = process.env["SKERRY_TEST_TIER"] === "full";

test("nobody is the anonymous principal, which may nothing", async () => {
  await using world = await createAuthWorld();
  const nobody = world.auth.authenticate(undefined);
  assert.equal(nobody.kind, "anonymous");
  assert.equal(world.auth.authorizer.allows(nobody, READ_BUCKETS, { project: CLOUD }), false);
  assert.deepEqual(world.auth.authorizer.projectsFor(nobody, READ_BUCKETS), new Set());
});

test("what is not a credential of ours is refused", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const [, uid = ""] = mia.bearer.split("_");
  const other = newUid(world.random);
  const secret = mia.bearer.slice(-43);
  for (const bearer of [
    "",
    "x",
    uid,
    `sks_${uid}_${secret}`,
    `sky_${other}_${secret}`,
    `sky_${uid}_${"A".repeat(43)}`,
    `${mia.bearer} `,
    `${mia.bearer}x`,
  ]) {
    assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"), bearer);
  }
  assert.equal(world.auth.authenticate(mia.bearer).userUid, mia.uid);
});

test("someone who looks like a principal may nothing", async () => {
  await using world = await createAuthWorld();
  const root = await world.addUser("root", "admin");
  const forged: Principal = { ...world.auth.authenticate(root.bearer) };
  assert.equal(world.auth.authorizer.allows(forged, READ_BUCKETS, { project: root.project }), false);
});

test("a revoked token is refused at once, and its streams are told", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const principal = world.auth.authenticate(mia.bearer);
  assert.equal(world.auth.authorizer.allows(principal, READ_BUCKETS, { project: mia.project }), true);
  await world.auth.tokens.delete(mia.project, "full");
  assert.throws(() => world.auth.authenticate(mia.bearer), is("unauthenticated"));
  assert.ok(isError(principal.changed.reason, "unauthenticated/revoked"));
  assert.equal(
    world.auth.authorizer.allows(principal, READ_BUCKETS, { project: mia.project }),
    false,
    "also for who holds it still",
  );
});

test("a disabled user may nothing at once, and all again when enabled, but for the sessions", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  const mia = await world.addUser("mia");
  const session = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const principals = [mia.bearer, session.bearer].map((bearer) => world.auth.authenticate(bearer));
  await world.auth.users.update("mia", { disabled: true });
  for (const principal of principals) {
    assert.ok(isError(principal.changed.reason, "unauthenticated/revoked"));
    assert.equal(world.auth.authorizer.allows(principal, READ_BUCKETS, { project: mia.project }), false);
  }
  for (const bearer of [mia.bearer, session.bearer])
    assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  await world.auth.users.update("mia", { disabled: false });
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia");
  assert.throws(() => world.auth.authenticate(session.bearer), is("unauthenticated"));
});

test("streams are told when what the user may changes, and only then", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  const mia = await world.addUser("mia");
  const zoe = await world.addUser("zoe");
  await world.auth.projects.create({ name: "team" });
  const first = world.auth.authenticate(mia.bearer);
  const other = world.auth.authenticate(zoe.bearer);
  await world.auth.users.update("mia", { labels: { a: "b" } });
  await world.auth.projects.bind("team", "zoe", "viewer");
  await world.addToken("mia", "second");
  assert.equal(first.changed.aborted, false);
  assert.equal(other.changed.aborted, true);
  await world.auth.projects.bind("team", "mia", "viewer");
  assert.ok(isError(first.changed.reason, "forbidden"));
  const second = world.auth.authenticate(mia.bearer);
  assert.notEqual(second, first);
  await world.auth.projects.bind("team", "mia", "viewer");
  assert.equal(second.changed.aborted, false, "the same role again is no change");
  await world.auth.users.update("mia", { role: "operator" });
  assert.equal(second.changed.aborted, true);
});

test("a token expires when it says, in open streams too, and after the wall clock jumps", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  const short = await world.addToken("mia", "short", undefined, 10_000);
  const long = await world.addToken("mia", "long", undefined, LIMITS.auth.maxTokenMs);
  const [soon, late] = [world.auth.authenticate(short), world.auth.authenticate(long)];
  await world.clock.advance(9_000);
  assert.equal(soon.changed.aborted, false);
  await world.clock.advance(1_000 + LIMITS.auth.expiryCheckMs);
  assert.ok(isError(soon.changed.reason, "unauthenticated/expired"));
  assert.throws(() => world.auth.authenticate(short), is("unauthenticated/expired"));
  assert.throws(
    () => world.auth.authenticate(`${short.slice(0, -1)}${short.endsWith("A") ? "E" : "A"}`),
    (error) => !is("unauthenticated/expired")(error),
    "only who has the secret is told that it expired",
  );
  world.clock.setWall(world.clock.wallMs() + LIMITS.auth.maxTokenMs);
  assert.throws(() => world.auth.authenticate(long), is("unauthenticated/expired"));
  await world.clock.advance(LIMITS.auth.expiryCheckMs);
  assert.ok(isError(late.changed.reason, "unauthenticated/expired"));
});

test("scopes of a token are checked for validity, its life too, and names once", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { tokens } = world.auth;
  await assert.rejects(tokens.create({ user: "mia", name: "t", scopes: { "storage.team": ["read"] } }), is("invalid"));
  await assert.rejects(tokens.create({ user: "mia", name: "T" }), is("invalid"));
  for (const expiresInMs of [0, -1, LIMITS.auth.maxTokenMs + 1, Number.NaN]) {
    await assert.rejects(tokens.create({ user: "mia", name: "t", expiresInMs }), is("invalid"));
  }
  await assert.rejects(tokens.create({ user: "mia", name: "full" }), is("conflict/exists"));
  await assert.rejects(tokens.create({ user: "nobody", name: "t" }), is("not_found"));
  await world.auth.projects.create({ name: "team" });
  await assert.rejects(tokens.create({ user: "team", name: "t" }), is("not_found"));
  // More than the user may: taken, and worth nothing.
  const proud = world.auth.authenticate(await world.addToken("mia", "proud", { "*": ["*"] }));
  assert.equal(
    world.auth.authorizer.allows(proud, { root: "auth", resource: "users", action: "create" }, { project: CLOUD }),
    false,
  );
  assert.equal(world.auth.authorizer.allows(proud, READ_BUCKETS, { project: mia.project }), true);
  await assert.rejects(tokens.get(mia.project, "nothing"), is("not_found"));
  await assert.rejects(tokens.delete(mia.project, "nothing"), is("not_found"));
});

test("a user has a bounded number of tokens, also when many are made at once", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const made = await Promise.allSettled(
    Array.from({ length: LIMITS.auth.maxTokensPerUser + 4 }, (_, i) => world.addToken("mia", `t-${i}`)),
  );
  const refused = made.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 5);
  assert.ok(refused.every(({ reason }) => is("exhausted/quota")(reason)));
  assert.equal((await world.auth.tokens.list(mia.project)).items.length, LIMITS.auth.maxTokensPerUser);
});

test("a narrow token makes no wider one", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const scopes = { [`storage.${mia.project}`]: ["read"], [`auth.${mia.project}.tokens`]: ["create"] };
  const by = world.auth.authenticate(await world.addToken("mia", "narrow", scopes));
  const create = (name: string, wanted?: unknown) =>
    world.auth.tokens.create({ user: "mia", name, scopes: wanted, by });
  await assert.rejects(create("a"), is("forbidden"));
  await assert.rejects(create("b", { storage: ["read"] }), is("forbidden"));
  await assert.rejects(create("c", { [`storage.${mia.project}`]: ["read", "delete"] }), is("forbidden"));
  await create("d", { [`storage.${mia.project}.buckets`]: ["read"] });
  await world.auth.tokens.create({ user: "mia", name: "e", by: world.auth.authenticate(mia.bearer) });
});

test("the last use of a token is shown, kept in a file outside the store, and goes with the token", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { resource } = (await world.auth.tokens.create({ user: "mia", name: "ci" })).token;
  assert.equal(world.auth.lastUsedAt(resource.meta.uid), undefined);
  const seen = async () => (await world.auth.tokens.get(mia.project, "full")).resource.status;
  world.auth.authenticate(mia.bearer);
  const used = { lastUsedAt: new Date(world.clock.wallMs()).toISOString() };
  assert.deepEqual(await seen(), used);
  const revision = world.store.revision;
  await world.clock.advance(LIMITS.auth.lastUsedEveryMs);
  assert.equal(world.store.revision, revision, "nothing of it is in the store");
  const kept = (): string[] => {
    const file = "/data/auth/last-used.json";
    return world.disk.files().includes(file) ? Object.keys(JSON.parse(world.disk.content(file).toString()).used) : [];
  };
  await until(() => kept().length > 0);
  const [tokenUid = ""] = kept();
  assert.equal(world.auth.lastUsedAt(tokenUid), used.lastUsedAt);
  await world.auth.tokens.delete(mia.project, "full");
  world.auth.authenticate(await world.addToken("mia", "next"));
  await world.clock.advance(LIMITS.auth.lastUsedEveryMs);
  await until(() => kept().length === 1 && kept()[0] !== tokenUid);
});

const projects = ["own", "team", "foreign", CLOUD] as const;
const permissions = Object.entries(PERMISSION_TREE).flatMap(([root, all]) =>
  all.flatMap((resource) => ACTIONS.map((action) => ({ root, resource, action }) as Permission)),
);
const anyScopes = fc.dictionary(
  fc
    .tuple(fc.constantFrom(...permissions), fc.constantFrom(...projects, "*"), fc.integer({ min: 0, max: 3 }))
    .map(([{ root, resource }, project, depth]) =>
      depth === 0 ? "*" : [root, project, resource].slice(0, depth).join("."),
    ),
  fc.uniqueArray(fc.constantFrom<Action | "*">(...ACTIONS, "*"), { minLength: 1 }),
  { minKeys: 1, maxKeys: 5 },
);

test("a token never may more than its user nor more than its scopes, before and after the user's role changes", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  const mia = await world.addUser("mia");
  const foreign = await world.addUser("zoe");
  const team = await world.auth.projects.create({ name: "team" });
  await world.auth.projects.bind("team", "mia", "viewer");
  const uids: Record<string, string> = {
    own: mia.project,
    team: team.resource.meta.uid,
    foreign: foreign.project,
    [CLOUD]: CLOUD,
    "*": "*",
  };
  const { authorizer } = world.auth;
  const random = createSimRandom(11);
  let n = 0;
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(anyScopes, fc.constantFrom("admin", "operator", "member", "viewer"), async (drawn, role) => {
      const scopes: Scopes = Object.fromEntries(
        Object.entries(drawn).map(([path, actions]) => [
          path
            .split(".")
            .map((part, i) => (i === 1 ? (uids[part] ?? part) : part))
            .join("."),
          actions,
        ]),
      );
      const name = `t-${n++}`;
      const bearer = await world.addToken("mia", name, scopes);
      await world.auth.users.update("mia", { role: role as "admin" });
      const [token, user, alone] = [
        world.auth.authenticate(bearer),
        world.auth.authenticate(mia.bearer),
        compileScopes(scopes),
      ];
      for (const permission of permissions) {
        for (const project of Object.values(uids)) {
          const target = random.chance(0.5) ? { project } : { project, uid: mia.uid };
          const may = authorizer.allows(token, permission, target);
          assert.equal(may, authorizer.allows(user, permission, target) && alone.allows(permission, target));
          if (may) allowed += 1;
        }
        const [narrow, wide] = [authorizer.projectsFor(token, permission), authorizer.projectsFor(user, permission)];
        if (wide !== "all") assert.ok(narrow !== "all" && narrow.isSubsetOf(wide));
      }
      await world.auth.tokens.delete(mia.project, name);
    }),
    { numRuns: full ? 500 : 40 },
  );
  assert.ok(allowed > 0, "some token was allowed something");
});
