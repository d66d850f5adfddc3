import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError, type SkerryError } from "../domain/errors.ts";
import type { Principal } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { createAuthWorld, intercept, PASSWORD } from "../testing/auth-world.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { LoginLimits } from "./login-limits.ts";
import type { LoggedIn } from "./sessions.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);
const WRONG = "wrong wrong wrong";

test("a session lasts a day, then it is expired, then the job removes it", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { bearer, session, user } = await world.auth.sessions.login({
    name: "mia",
    password: PASSWORD,
    ip: "10.0.0.1",
  });
  assert.match(bearer, /^sks_/);
  assert.equal(user.meta.name, "mia");
  const principal = world.auth.authenticate(bearer);
  assert.deepEqual(principal.credential, {
    kind: "session",
    uid: session.resource.meta.uid,
    name: session.resource.meta.name,
  });
  await world.clock.advance(LIMITS.auth.sessionMs - 1);
  assert.equal(world.auth.authenticate(bearer), principal);
  await world.clock.advance(1);
  assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated/expired"));
  await world.clock.advance(LIMITS.auth.expiryCheckMs);
  assert.ok(isError(principal.changed.reason, "unauthenticated/expired"));
  await world.auth.jobs[0]?.run({ signal: new AbortController().signal, progress() {} });
  assert.deepEqual((await world.auth.sessions.list(mia.project)).items, []);
  assert.throws(
    () => world.auth.authenticate(bearer),
    (error) => is("unauthenticated")(error) && !is("unauthenticated/expired")(error),
  );
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia", "what does not expire stays");
});

test("an unknown name, a wrong password and a disabled user get the same answer after one verification", async () => {
  await using world = await createAuthWorld();
  await world.addUser("root", "admin");
  await world.addUser("mia");
  await world.addUser("off");
  await world.auth.users.update("off", { disabled: true });
  const answers: SkerryError[] = [];
  for (const [name, password] of [
    ["mia", WRONG],
    ["off", PASSWORD],
    ["nobody", PASSWORD],
    ["no/../such name", PASSWORD],
    ["", ""],
    ["x".repeat(10_000), "y".repeat(10_000)],
  ] as const) {
    world.hasher.verified.length = 0;
    await world.auth.sessions.login({ name, password, ip: "10.0.0.1" }).catch((error) => answers.push(error));
    assert.equal(world.hasher.verified.length, 1, name);
    assert.match(world.hasher.verified[0] ?? "", /^\$argon2id\$/);
  }
  assert.equal(answers.length, 6);
  for (const { code, reason, message, hint } of answers) {
    assert.deepEqual({ code, reason, message, hint }, { ...pick(answers[0]), code: "unauthenticated" });
  }
});

function pick(error: SkerryError | undefined) {
  return { reason: error?.reason, message: error?.message, hint: error?.hint };
}

test("what is no name is nobody's, however it is spelled, and its attempts count", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  const cut = `${"x".repeat(LIMITS.name.maxLength)}\u{1f600}`;
  for (const name of ["\ud800", "mia\udc00", cut, "mia\0", "/", "MIA"]) {
    for (let i = 0; i < LIMITS.auth.maxLoginsPerUser; i++) {
      world.hasher.verified.length = 0;
      await assert.rejects(world.auth.sessions.login({ name, password: "\ud800" }), is("unauthenticated"));
      assert.deepEqual(world.hasher.verified, [world.hasher.nobodysHash], "as much work as for anybody");
    }
    await assert.rejects(world.auth.sessions.login({ name, password: PASSWORD }), is("exhausted/rate"));
  }
  await world.auth.sessions.login({ name: "mia", password: PASSWORD });
});

test("ten wrong passwords for one user, then a pause, known or not", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  for (const name of ["mia", "nobody"]) {
    const login = (i: number, password = WRONG) =>
      world.auth.sessions.login({ name, password, ip: `10.0.${name.length}.${i}` });
    for (let i = 0; i < LIMITS.auth.maxLoginsPerUser; i++) {
      await assert.rejects(login(i), is("unauthenticated"));
      await world.clock.advance(1000);
    }
    world.hasher.verified.length = 0;
    await assert.rejects(login(100, PASSWORD), (error) => {
      return (
        isError(error, "exhausted/rate") &&
        error.retryAfterMs === LIMITS.auth.loginWindowMs - LIMITS.auth.maxLoginsPerUser * 1000
      );
    });
    assert.deepEqual(world.hasher.verified, [], "no password is looked at");
  }
  await world.auth.sessions.login({ name: "mia", password: PASSWORD }); // on the machine itself
  await world.clock.advance(LIMITS.auth.loginWindowMs);
  await world.auth.sessions.login({ name: "mia", password: PASSWORD, ip: "10.0.0.1" });
});

test("twenty failures from one address, then a pause for that address alone", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  for (let i = 0; i < LIMITS.auth.maxLoginsPerIp; i++) {
    await assert.rejects(
      world.auth.sessions.login({ name: `user-${i}`, password: WRONG, ip: "10.0.0.1" }),
      is("unauthenticated"),
    );
  }
  const login = (ip: string) => world.auth.sessions.login({ name: "mia", password: PASSWORD, ip });
  await assert.rejects(
    login("10.0.0.1"),
    (error) => isError(error, "exhausted/rate") && error.retryAfterMs === LIMITS.auth.loginWindowMs,
  );
  await assert.rejects(login("::ffff:10.0.0.1"), is("exhausted/rate"));
  await login("10.0.0.2");
  await world.clock.advance(LIMITS.auth.loginWindowMs);
  await login("10.0.0.1");
});

test("many guesses at once are no more guesses", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  const guesses = Array.from({ length: 40 }, (_, i) =>
    world.auth.sessions.login({ name: "mia", password: WRONG, ip: `10.0.0.${i}` }),
  );
  const results = await Promise.allSettled(guesses);
  const looked = results.filter((result) => result.status === "rejected" && isError(result.reason, "unauthenticated"));
  assert.equal(looked.length, LIMITS.auth.maxLoginsPerUser);
  assert.equal(world.hasher.verified.length, LIMITS.auth.maxLoginsPerUser);
});

test("right passwords do not count, and do not wipe the wrong ones out", async () => {
  await using world = await createAuthWorld();
  await world.addUser("mia");
  const login = (password: string) => world.auth.sessions.login({ name: "mia", password, ip: "10.0.0.1" });
  for (let i = 0; i < LIMITS.auth.maxLoginsPerIp + 1; i++) await login(PASSWORD);
  for (let i = 1; i < LIMITS.auth.maxLoginsPerUser; i++) await assert.rejects(login(WRONG), is("unauthenticated"));
  await login(PASSWORD);
  await assert.rejects(login(WRONG), is("unauthenticated"));
  await assert.rejects(login(PASSWORD), is("exhausted/rate"));
});

test("what is remembered of failed logins is bounded", () => {
  const limits = new LoginLimits(createFakeClock());
  for (let i = 0; i < LIMITS.auth.maxLoginKeys + 500; i++)
    limits.begin(`user-${i}`, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  assert.equal(limits.size, 2 * LIMITS.auth.maxLoginKeys);
});

test("beyond the bound the oldest session ends", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const bearers: string[] = [];
  for (let i = 0; i < LIMITS.auth.maxSessionsPerUser + 3; i++) {
    bearers.push((await world.auth.sessions.login({ name: "mia", password: PASSWORD })).bearer);
  }
  assert.equal((await world.auth.sessions.list(mia.project)).items.length, LIMITS.auth.maxSessionsPerUser);
  for (const [i, bearer] of bearers.entries()) {
    if (i < 3) assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
    else assert.equal(world.auth.authenticate(bearer).userName, "mia");
  }
  await Promise.all(Array.from({ length: 8 }, () => world.auth.sessions.login({ name: "mia", password: PASSWORD })));
  assert.equal((await world.auth.sessions.list(mia.project)).items.length, LIMITS.auth.maxSessionsPerUser);
});

test("logging out ends the session at once, and only in the own project", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const zoe = await world.addUser("zoe");
  const { bearer, session } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const { uid } = session.resource.meta;
  await assert.rejects(world.auth.sessions.delete(zoe.project, uid), is("not_found"));
  await assert.rejects(world.auth.sessions.delete(mia.project, "../x"), is("not_found"));
  const principal = world.auth.authenticate(bearer);
  await world.auth.sessions.delete(mia.project, uid);
  assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  assert.equal(principal.changed.aborted, true);
  await assert.rejects(world.auth.sessions.delete(mia.project, uid), is("not_found"));
});

test("a password that changes while a login is verified gives no session", async () => {
  await using world = await createAuthWorld();
  const root = await world.addUser("root", "admin");
  const mia = await world.addUser("mia");
  const by = world.auth.authenticate(root.bearer);
  const [login] = await Promise.allSettled([
    world.auth.sessions.login({ name: "mia", password: PASSWORD }),
    world.auth.users.changePassword({ name: "mia", password: "set by the admin", by }),
  ]);
  const open = (await world.auth.sessions.list(mia.project)).items;
  // Either the login was first and its session was ended by the change, or it was refused.
  assert.deepEqual(open, []);
  if (login.status === "fulfilled")
    assert.throws(() => world.auth.authenticate(login.value.bearer), is("unauthenticated"));
});

test("a session that a login opens just before the password changes ends with the others", async () => {
  let late: Promise<LoggedIn> | undefined;
  let root: Principal | undefined;
  await using world = await createAuthWorld({
    wrapStore: (store) =>
      intercept(store, async ({ then }) => {
        const [op] = then;
        if (late !== undefined || root === undefined || op?.op !== "put" || op.key !== "/user/cloud/mia") return;
        late = world.auth.sessions.login({ name: "mia", password: PASSWORD });
        await late;
      }),
  });
  const { bearer } = await world.addUser("root", "admin");
  const mia = await world.addUser("mia");
  const own = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  for (const by of [world.auth.authenticate(own.bearer), world.auth.authenticate(bearer)]) {
    root = by;
    late = undefined;
    const current = by.userUid === mia.uid ? { current: PASSWORD } : {};
    await world.auth.users.changePassword({ name: "mia", password: PASSWORD, by, ...current });
    const opened = (await late) as LoggedIn | undefined;
    assert.ok(opened, "the login came in between");
    assert.throws(() => world.auth.authenticate(opened.bearer), is("unauthenticated"));
  }
});
