import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError, SkerryError } from "../domain/errors.ts";
import type { Permission } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { resourceKey } from "../domain/resource.ts";
import type { Json, Store, WatchOptions } from "../domain/store.ts";
import { createAuthWorld, PASSWORD, until } from "../testing/auth-world.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const READ_BUCKETS: Permission = { root: "storage", resource: "buckets", action: "read" };

interface Breaks {
  /** Ends the watch that is open with this error, once. */
  now?: (error: unknown) => void;
  /** What listing and watching throw from now on. */
  down?: unknown;
}

/** A store whose watch the test can break. */
function breakable(store: Store, breaks: Breaks): Store {
  async function* watch(options: WatchOptions) {
    if (breaks.down !== undefined) throw breaks.down;
    const abort = new AbortController();
    let broken: unknown;
    breaks.now = (error) => {
      broken = error;
      abort.abort();
    };
    const signal = AbortSignal.any([abort.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    yield* store.watch({ ...options, signal });
    if (broken !== undefined) throw broken;
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "watch") return watch;
      if (name === "list" && breaks.down !== undefined) return () => Promise.reject(breaks.down);
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("what another node changes reaches the principals", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const principal = world.auth.authenticate(mia.bearer);
  await world.store.transact({ then: [{ op: "delete", key: resourceKey("token", mia.project, "full") }] });
  await until(() => principal.changed.aborted);
  assert.throws(() => world.auth.authenticate(mia.bearer), is("unauthenticated"));
});

test("after a watch that was too slow, what went in between is gone and what stayed works on", async () => {
  const breaks: Breaks = {};
  await using world = await createAuthWorld({ wrapStore: (store) => breakable(store, breaks) });
  const [mia, zoe, pat] = [await world.addUser("mia"), await world.addUser("zoe"), await world.addUser("pat")];
  const [gone, kept, demoted] = [mia, zoe, pat].map(({ bearer }) => world.auth.authenticate(bearer));
  assert.ok(gone && kept && demoted);
  const relists = world.metrics.value("skerry_auth_relists_total");
  breaks.now?.(new SkerryError("conflict/compacted", "Too slow."));
  await world.store.transact({
    then: [
      { op: "delete", key: resourceKey("token", mia.project, "full") },
      { op: "delete", key: resourceKey("binding", pat.project, "pat") },
    ],
  });
  await until(() => gone.changed.aborted && demoted.changed.aborted);
  assert.equal(world.metrics.value("skerry_auth_relists_total"), relists + 1);
  assert.ok(isError(gone.changed.reason, "unauthenticated/revoked"));
  assert.ok(isError(demoted.changed.reason, "forbidden"));
  assert.equal(kept.changed.aborted, false);
  assert.equal(world.auth.authenticate(zoe.bearer), kept);
  assert.throws(() => world.auth.authenticate(mia.bearer), is("unauthenticated"));
  assert.equal(
    world.auth.authorizer.allows(world.auth.authenticate(pat.bearer), READ_BUCKETS, { project: pat.project }),
    false,
  );
  await world.auth.tokens.delete(zoe.project, "full");
  assert.equal(kept.changed.aborted, true, "the new watch is followed");
});

test("while the store does not answer, permissions hold for a moment and then nobody is let in", async () => {
  const breaks: Breaks = {};
  await using world = await createAuthWorld({ wrapStore: (store) => breakable(store, breaks) });
  const mia = await world.addUser("mia");
  breaks.down = new Error("no route");
  breaks.now?.(breaks.down);
  await until(() => world.log.lines.some(({ message }) => message.includes("broke")));
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia");
  await world.clock.advance(LIMITS.auth.maxStaleViewMs + 1);
  assert.throws(() => world.auth.authenticate(mia.bearer), is("unavailable"));
  assert.equal(world.auth.authenticate(undefined).kind, "anonymous");
  breaks.down = undefined;
  await world.clock.advance(2 * LIMITS.auth.maxStaleViewMs);
  await until(() => {
    try {
      return world.auth.authenticate(mia.bearer).userName === "mia";
    } catch {
      return false;
    }
  });
});

test("a change is in force when the call returns, whatever else is written", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const noise = Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      world.store.transact({ then: [{ op: "put", key: `/setting/cloud/${i}`, value: i }] }),
    ),
  );
  for (let i = 0; i < 20; i++) {
    const bearer = await world.addToken("mia", `t-${i}`);
    assert.equal(world.auth.authenticate(bearer).userName, "mia");
    await world.auth.tokens.delete(mia.project, `t-${i}`);
    assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  }
  await noise;
});

test("a change that is stored but does not come into force is told as such", async () => {
  const breaks: Breaks = {};
  await using world = await createAuthWorld({ wrapStore: (store) => breakable(store, breaks) });
  breaks.down = new Error("no route");
  breaks.now?.(breaks.down);
  await until(() => world.log.lines.some(({ message }) => message.includes("broke")));
  const creating = world.auth.users.create({ name: "mia", password: PASSWORD });
  const refused = assert.rejects(creating, is("unavailable/timeout"));
  await until(() => world.store.revision > 0);
  await world.clock.advance(LIMITS.auth.settleMs);
  await refused;
});

test("an entry that cannot be read gives nobody anything and harms nobody else", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const principal = world.auth.authenticate(mia.bearer);
  const key = resourceKey("token", mia.project, "full");
  const values: Json[] = [null, 7, {}, { kind: "token" }, { kind: "token", meta: { uid: "x" } }];
  for (const value of values) await world.store.transact({ then: [{ op: "put", key, value }] });
  await until(() => principal.changed.aborted);
  assert.throws(() => world.auth.authenticate(mia.bearer), is("unauthenticated"));
  await until(() => world.log.lines.filter(({ level }) => level === "error").length === values.length);
  assert.equal(world.auth.authenticate(await world.addToken("mia", "next")).userName, "mia");
  for (const value of values) {
    await world.store.transact({ then: [{ op: "put", key, value }] });
    await world.addToken("mia", "later");
    await world.auth.tokens.delete(mia.project, "later");
  }
});
