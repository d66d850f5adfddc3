import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import type { Principal } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { type AuthWorld, createAuthWorld, intercept, PASSWORD, until } from "../testing/auth-world.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);

/** A token of `mia` that `maker` asks for. */
async function make(world: AuthWorld, maker: string, name: string, extra: object = {}): Promise<string> {
  const by = world.auth.authenticate(maker);
  return (await world.auth.tokens.create({ user: "mia", name, by, ...extra })).bearer;
}

async function namesOf(world: AuthWorld, project: string): Promise<string[]> {
  return (await world.auth.tokens.list(project)).items.map(({ resource }) => resource.meta.name);
}

const runJob = (world: AuthWorld) => world.auth.jobs[0]?.run({ signal: new AbortController().signal, progress() {} });

test("a token makes none that outlives it, with scopes or without", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const scopes = { [`auth.${mia.project}.tokens`]: ["create"] };
  for (const limits of [scopes, undefined]) {
    const kind = limits === undefined ? "whole" : "narrow";
    const maker = await world.addToken("mia", kind, limits, 3000);
    const end = new Date(world.clock.wallMs() + 3000).toISOString();
    const extra = limits === undefined ? {} : { scopes: limits };
    const by = world.auth.authenticate(maker);
    const create = (name: string, expiresInMs?: number) =>
      world.auth.tokens.create({
        ...{ user: "mia", name: `${kind}-${name}`, by, ...extra },
        ...(expiresInMs === undefined ? {} : { expiresInMs }),
      });
    await assert.rejects(create("longer", 3001), (error) => {
      return isError(error, "forbidden") && error.message.includes(end) && error.details?.["expiresAt"] === end;
    });
    const heir = await create("heir");
    assert.equal(heir.token.resource.spec.expiresAt, end, "the answer says when it ends");
    const same = await create("same", 3000);
    assert.equal(same.token.resource.spec.expiresAt, end);
    const shorter = await create("shorter", 1000);
    assert.equal(Date.parse(end) - Date.parse(shorter.token.resource.spec.expiresAt ?? ""), 2000);
    await world.clock.advance(1000);
    await assert.rejects(
      make(world, heir.bearer, `${kind}-grandchild`, { ...extra, expiresInMs: 2001 }),
      is("forbidden"),
    );
    const grandchild = await make(world, heir.bearer, `${kind}-grandchild`, extra);
    await world.clock.advance(2000);
    for (const bearer of [maker, heir.bearer, same.bearer, grandchild]) {
      assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated/expired"));
    }
    await assert.rejects(create("late"), is("unauthenticated"));
  }
  await runJob(world);
  assert.deepEqual(await namesOf(world, mia.project), ["full"]);
});

test("what a session makes, and what a token without end makes, may live as long as it likes", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { bearer } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const long = await make(world, bearer, "by-session", { expiresInMs: LIMITS.auth.maxTokenMs });
  const endless = await make(world, mia.bearer, "by-token", { expiresInMs: LIMITS.auth.maxTokenMs });
  await world.clock.advance(LIMITS.auth.sessionMs);
  assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated/expired"));
  for (const token of [long, endless]) assert.equal(world.auth.authenticate(token).userName, "mia");
});

test("revoking a token revokes what it made, and what that made, at once and in open streams", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  // The names sort before their makers', so that a list shows them first.
  const maker = await world.addToken("mia", "z");
  const child = await make(world, maker, "m");
  const grandchild = await make(world, child, "a");
  const streams: Principal[] = [maker, child, grandchild].map((bearer) => world.auth.authenticate(bearer));
  const sibling = world.auth.authenticate(await world.addToken("mia", "sibling"));
  await world.auth.tokens.delete(mia.project, "z");
  for (const principal of streams) {
    assert.ok(isError(principal.changed.reason, "unauthenticated/revoked"));
  }
  for (const bearer of [maker, child, grandchild]) {
    assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  }
  assert.equal(sibling.changed.aborted, false);
  assert.deepEqual(await namesOf(world, mia.project), ["full", "sibling"]);
  await world.addToken("mia", "z");
  assert.throws(
    () => world.auth.authenticate(child),
    is("unauthenticated"),
    "a new token of that name is another maker",
  );
});

test("a token with more descendants than one transaction holds takes all of them along", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const made: string[] = [];
  // A chain, then a fan.
  for (let i = 0; i < 20; i++) made.push(await make(world, made.at(-1) ?? mia.bearer, `t-${i}`));
  for (let i = 20; i < LIMITS.auth.maxTokensPerUser - 1; i++) made.push(await make(world, made[0] ?? "", `t-${i}`));
  assert.equal(world.auth.authenticate(made[19] ?? "").userName, "mia");
  await world.auth.tokens.delete(mia.project, "full");
  for (const bearer of made) assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  await runJob(world);
  assert.deepEqual(await namesOf(world, mia.project), []);
});

test("a token whose maker is gone in some other way is refused at once and removed by the job", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const child = await make(world, mia.bearer, "child");
  const grandchild = await make(world, child, "a-grandchild");
  const stream = world.auth.authenticate(grandchild);
  await world.store.transact({ compare: [], then: [{ op: "delete", key: `/token/${mia.project}/full` }] });
  await until(() => stream.changed.aborted);
  assert.ok(isError(stream.changed.reason, "unauthenticated/revoked"));
  for (const bearer of [child, grandchild]) {
    assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  }
  assert.equal((await namesOf(world, mia.project)).length, 2);
  await runJob(world);
  assert.deepEqual(await namesOf(world, mia.project), []);
});

test("a view that is listed anew knows the makers, in whatever order they come", async () => {
  const memory = await (async () => {
    await using world = await createAuthWorld();
    const mia = await world.addUser("mia");
    const child = await make(world, mia.bearer, "a-child");
    return { log: world.memory, mia, child };
  })();
  await using world = await createAuthWorld({ memory: memory.log });
  assert.equal(world.auth.authenticate(memory.child).userName, "mia");
  await world.auth.tokens.delete(memory.mia.project, "full");
  assert.throws(() => world.auth.authenticate(memory.child), is("unauthenticated"));
});

test("a credential that is revoked while it makes a token has made none", async () => {
  let before: (() => Promise<void>) | undefined;
  await using world = await createAuthWorld({
    wrapStore: (store) =>
      intercept(store, async ({ then }) => {
        const revoke = then[0]?.op === "put" ? before : undefined;
        if (revoke !== undefined) before = undefined;
        await revoke?.();
      }),
  });
  const mia = await world.addUser("mia");
  const { bearer, session } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  before = () => world.auth.sessions.delete(mia.project, session.resource.meta.uid);
  await assert.rejects(make(world, bearer, "child"), is("unauthenticated/revoked"));
  before = () => world.auth.tokens.delete(mia.project, "full");
  await assert.rejects(make(world, mia.bearer, "child"), is("unauthenticated/revoked"));
  assert.deepEqual(await namesOf(world, mia.project), []);
});

test("tokens that have expired count for nothing, also before they are removed", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  for (let i = 1; i < LIMITS.auth.maxTokensPerUser; i++) await world.addToken("mia", `t-${i}`, undefined, 1000);
  await assert.rejects(world.addToken("mia", "next"), is("exhausted/quota"));
  await world.clock.advance(1000);
  for (let i = 1; i < LIMITS.auth.maxTokensPerUser; i++) {
    await world.addToken("mia", `u-${i}`);
    assert.ok((await namesOf(world, mia.project)).length <= LIMITS.auth.maxTokensPerUser, "nor is there room for more");
  }
  await assert.rejects(world.addToken("mia", "next"), is("exhausted/quota"));
});

test("nobody is shown who made a token", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const by = world.auth.authenticate(mia.bearer);
  const { token } = await world.auth.tokens.create({ user: "mia", name: "child", by });
  const { items } = await world.auth.tokens.list(mia.project);
  const seen = JSON.stringify([token, await world.auth.tokens.get(mia.project, "child"), items]);
  assert.doesNotMatch(seen, /madeBy|secretHash/);
  const kept = await world.store.get(`/token/${mia.project}/child`);
  assert.match(JSON.stringify(kept?.value), new RegExp(`"madeBy":"${by.credential?.uid}"`));
});
