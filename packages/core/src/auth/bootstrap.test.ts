import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorId, isError } from "../domain/errors.ts";
import { createAuthWorld, PASSWORD } from "../testing/auth-world.ts";
import { prepareBootstrap, resetPassword } from "./bootstrap.ts";

const is = (id: ErrorId) => (error: unknown) => isError(error, id);

test("the first start makes an admin with a password and a token, once", async () => {
  await using world = await createAuthWorld();
  const bootstrap = await prepareBootstrap(world, { tokenName: "first" });
  assert.ok(bootstrap);
  assert.equal(world.store.revision, 0, "nothing is stored before the caller has kept the password");
  assert.ok(bootstrap.password.length >= 24);
  await bootstrap.commit();
  assert.equal(world.store.revision, 1);
  const { user } = await world.auth.sessions.login({ name: bootstrap.userName, password: bootstrap.password });
  assert.equal(user.spec.role, "admin");
  const principal = world.auth.authenticate(bootstrap.bearer);
  assert.deepEqual([principal.userName, principal.role, principal.credential?.name], ["admin", "admin", "first"]);
  assert.equal(await prepareBootstrap(world), undefined);
});

test("a crash at each step of the first start loses no password", async () => {
  for (const step of ["prepared", "password kept", "committed"] as const) {
    await using world = await createAuthWorld();
    let kept: string | undefined;
    const start = async (crashAfter?: string): Promise<void> => {
      const bootstrap = await prepareBootstrap(world);
      if (bootstrap === undefined || crashAfter === "prepared") return;
      kept = bootstrap.password;
      if (crashAfter === "password kept") return;
      await bootstrap.commit();
    };
    await start(step);
    await start();
    assert.ok(kept);
    const { user } = await world.auth.sessions.login({ name: "admin", password: kept });
    assert.equal(user.meta.name, "admin", step);
    assert.equal((await world.auth.users.list()).items.length, 1);
  }
});

test("two first starts at the same time make one admin, and the other is told", async () => {
  await using world = await createAuthWorld();
  const [first, second] = [await prepareBootstrap(world), await prepareBootstrap(world)];
  await first?.commit();
  await assert.rejects(second?.commit() ?? Promise.resolve(), is("conflict/exists"));
  await world.auth.sessions.login({ name: "admin", password: first?.password ?? "" });
});

test("a reset password works, the old one and the sessions do not, tokens stay", async () => {
  await using world = await createAuthWorld();
  const mia = await world.addUser("mia");
  const { bearer } = await world.auth.sessions.login({ name: "mia", password: PASSWORD });
  const made = await resetPassword(world, "mia");
  assert.ok(made.length >= 24);
  await assert.rejects(world.auth.sessions.login({ name: "mia", password: PASSWORD }), is("unauthenticated"));
  const again = await world.auth.sessions.login({ name: "mia", password: made });
  assert.equal(world.auth.authenticate(again.bearer).userName, "mia");
  assert.throws(() => world.auth.authenticate(bearer), is("unauthenticated"));
  assert.equal(world.auth.authenticate(mia.bearer).userName, "mia");
  assert.equal(await resetPassword(world, "mia", "one of my own choice"), "one of my own choice");
  await world.auth.sessions.login({ name: "mia", password: "one of my own choice" });
  await assert.rejects(resetPassword(world, "mia", "short"), is("invalid"));
  await assert.rejects(resetPassword(world, "nobody"), is("not_found"));
});
