import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parsePermission } from "../contract/dispatch/call.ts";
import { ROUTES } from "../contract/routes.ts";
import { isError } from "../domain/errors.ts";
import type { Decision, Permission, Principal, Target } from "../domain/identity.ts";
import { VISIBILITIES, type Visibility } from "../domain/objects.ts";
import { CLOUD, newUid } from "../domain/resource.ts";
import { type AuthWorld, createAuthWorld, PASSWORD } from "../testing/auth-world.ts";
import { type BucketFacts, bucketAccess, targetOf } from "./access.ts";

interface Row {
  readonly principal: string;
  readonly route: string;
  readonly target: string;
  readonly expect: string;
}
const file = new URL("../../../../fixtures/auth/matrix.json", import.meta.url);
const { rows } = JSON.parse(readFileSync(file, "utf8")) as { rows: readonly Row[] };

const OUTCOMES = ["allow", "forbidden", "hidden", "unauthenticated"];
const PRINCIPALS =
  "anonymous admin operator owner other viewer mate disabled token-read token-bucket token-expired token-revoked".split(
    " ",
  );

/** The cast of `fixtures/auth/README.md`. */
interface Cast extends AsyncDisposable {
  readonly world: AuthWorld;
  readonly bearers: ReadonlyMap<string, string | undefined>;
  readonly buckets: ReadonlyMap<string, BucketFacts>;
}

async function createCast(): Promise<Cast> {
  const world = await createAuthWorld();
  const { projects, users, tokens } = world.auth;
  const bearers = new Map<string, string | undefined>([["anonymous", undefined]]);
  const roles = { admin: "admin", operator: "operator", viewer: "viewer" } as const;
  for (const name of ["admin", "operator", "owner", "other", "viewer", "mate", "disabled"]) {
    const user = await world.addUser(name, roles[name as keyof typeof roles] ?? "member");
    bearers.set(name, user.bearer);
  }
  for (const name of ["viewer", "mate", "disabled"])
    await projects.bind("owner", name, name === "viewer" ? "viewer" : "member");
  await users.update("disabled", { disabled: true });
  const project = (name: string): string => projects.find(name)?.meta.uid ?? "";
  const buckets = new Map<string, BucketFacts>();
  for (const name of ["owner", "other"]) {
    for (const visibility of VISIBILITIES) {
      buckets.set(`${name}/${visibility}`, { project: project(name), uid: newUid(world.random), visibility });
    }
  }
  const owner = project("owner");
  const bucket = buckets.get("owner/private")?.uid;
  bearers.set("token-read", await world.addToken("owner", "read", { [`storage.${owner}`]: ["read"] }));
  const one = {
    [`storage.${owner}.buckets.${bucket}`]: ["read"],
    [`storage.${owner}.objects.${bucket}`]: ["read", "create", "update", "delete"],
  };
  bearers.set("token-bucket", await world.addToken("owner", "bucket", one));
  bearers.set("token-expired", await world.addToken("owner", "expired", undefined, 1000));
  bearers.set("token-revoked", await world.addToken("owner", "revoked"));
  await tokens.delete(owner, "revoked");
  await world.clock.advance(1000);
  return { world, bearers, buckets, [Symbol.asyncDispose]: () => Promise.resolve(world[Symbol.asyncDispose]()) };
}

/** What the handlers ask, without HTTP. */
function decideRow(cast: Cast, row: Row): Decision {
  const { auth } = cast.world;
  let principal: Principal;
  try {
    principal = auth.authenticate(cast.bearers.get(row.principal));
  } catch (error) {
    assert.ok(isError(error, "unauthenticated"));
    return "unauthenticated";
  }
  const route = ROUTES.find(({ id }) => id === row.route.replace(/\.watch$/, ".list"));
  assert.ok(route, row.route);
  if (route.permission === "anyone") return "allow";
  if (route.permission === "self") return principal.kind === "user" ? "allow" : "unauthenticated";
  // A preview is refused what its changes would be.
  const permission = parsePermission(row.route === "gateway.preview" ? "gateway.routes:create" : route.permission);
  const isList = /^(user|session|token|project|binding|bucket|route|container|volume)\.(list|watch)$/.test(row.route);
  if (isList && principal.kind === "anonymous") return "unauthenticated";
  const bucket = cast.buckets.get(row.target);
  const decision =
    bucket === undefined
      ? decideThing(cast, principal, permission, row)
      : bucketAccess(auth.authorizer, principal, bucket, permission);
  // A list leaves out what is not allowed.
  return isList && decision === "forbidden" ? "hidden" : decision;
}

function decideThing(cast: Cast, principal: Principal, permission: Permission, row: Row): Decision {
  const { auth } = cast.world;
  const name = row.target === "self" ? principal.userName : row.target;
  const project = auth.projects.find(name);
  const user = auth.users.find(name);
  const [kind] = row.route.split(".");
  const ask = (target: Target) => auth.decide(principal, permission, target);
  // Nobody has no self.
  if (row.target === "cloud" || principal.kind === "anonymous") return ask(targetOf.cloud());
  assert.ok(project !== undefined && user !== undefined, row.target);
  if (kind === "user") return ask(targetOf.resource(user));
  if (kind === "project") return ask(targetOf.resource(project));
  if (kind === "session" || kind === "token") {
    // These routes look only into the own project, and find nothing there that is another's.
    const own = ask(targetOf.project(principal.projectUid));
    return own === "allow" && project.meta.uid !== principal.projectUid ? "hidden" : own;
  }
  // Reading, changing and deleting are about one that is there.
  if (kind === "route" && row.route !== "route.create") return ask({ project: project.meta.uid, uid: "a-route" });
  return ask(targetOf.project(project.meta.uid));
}

test("the matrix is whole: every route, every principal, nothing twice, nothing undecided", () => {
  const seen = new Set<string>();
  for (const { principal, route, target, expect } of rows) {
    const row = `${principal} ${route} ${target}`;
    assert.ok(OUTCOMES.includes(expect), `${row} is ${expect}`);
    assert.ok(PRINCIPALS.includes(principal), row);
    assert.ok(!seen.has(row), `${row} is there twice`);
    seen.add(row);
  }
  for (const { id } of ROUTES)
    assert.ok(
      rows.some(({ route }) => route === id),
      `${id} has no rows`,
    );
  for (const { route, target } of rows) {
    if (target === "self") continue;
    for (const principal of PRINCIPALS)
      assert.ok(seen.has(`${principal} ${route} ${target}`), `${principal} ${route} ${target} is missing`);
  }
});

test("the decision is what the matrix says, row by row", async () => {
  await using cast = await createCast();
  const wrong = rows.flatMap((row) => {
    const decision = decideRow(cast, row);
    return decision === row.expect
      ? []
      : [`${row.principal} ${row.route} ${row.target}: expected ${row.expect}, got ${decision}`];
  });
  assert.deepEqual(wrong, []);
  assert.ok(rows.length > 1000, `${rows.length} rows`);
});

const asked = (["buckets", "objects"] as const).flatMap((resource) =>
  (["read", "create", "update", "delete"] as const).map(
    (action) => ({ root: "storage", resource, action }) as Permission,
  ),
);

test("another's bucket that may not be read gets the same answer as one that does not exist", async () => {
  await using cast = await createCast();
  const { auth } = cast.world;
  let hidden = 0;
  for (const name of PRINCIPALS) {
    const bearer = cast.bearers.get(name);
    if (["disabled", "token-expired", "token-revoked"].includes(name)) continue;
    const principal = auth.authenticate(bearer);
    for (const bucket of cast.buckets.values()) {
      const decide = (permission: Permission) => bucketAccess(auth.authorizer, principal, bucket, permission);
      const readable = asked.some((permission) => permission.action === "read" && decide(permission) === "allow");
      if (readable) continue;
      for (const permission of asked) {
        const decision = decide(permission);
        // What may be written but not read, by a token that was made so, is the only exception.
        assert.equal(decision, bucketAccess(auth.authorizer, principal, undefined, permission), name);
        hidden += 1;
      }
    }
  }
  assert.ok(hidden > 0);
});

test("the owner of a bucket decides who reads it, and nobody else writes", async () => {
  await using cast = await createCast();
  const { auth } = cast.world;
  const decide = (who: string, visibility: Visibility, permission: Permission) => {
    const bucket = cast.buckets.get(`owner/${visibility}`);
    return bucketAccess(auth.authorizer, auth.authenticate(cast.bearers.get(who)), bucket, permission);
  };
  for (const permission of asked) {
    for (const visibility of VISIBILITIES) {
      assert.equal(decide("owner", visibility, permission), "allow");
      const expected = visibility === "private" ? "hidden" : permission.action === "read" ? "allow" : "forbidden";
      assert.equal(
        decide("other", visibility, permission),
        expected,
        `${visibility} ${permission.resource}:${permission.action}`,
      );
    }
  }
});

test("a login with a session may the same as with a token without scopes", async () => {
  await using cast = await createCast();
  const { auth } = cast.world;
  for (const name of ["admin", "operator", "owner", "viewer", "mate"]) {
    const { bearer } = await auth.sessions.login({ name, password: PASSWORD });
    const [session, token] = [auth.authenticate(bearer), auth.authenticate(cast.bearers.get(name))];
    for (const permission of asked) {
      for (const target of [
        { project: CLOUD },
        { project: session.projectUid },
        { project: auth.projects.find("owner")?.meta.uid ?? "" },
      ]) {
        assert.equal(auth.decide(session, permission, target), auth.decide(token, permission, target));
      }
    }
  }
});
