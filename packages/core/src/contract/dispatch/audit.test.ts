/** What of a request is recorded, and what nobody may cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type ErrorId, SkerryError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { servedRoute } from "../../testing/served-route.ts";
import { noParams, noQuery } from "../schema.ts";
import { type AuditRecord, createDispatcher, handle } from "./dispatcher.ts";

const shared = { params: noParams, query: noQuery, summary: "-", kind: "json", status: 200 } as const;
const posted = { ...shared, method: "POST", body: z.strictObject({ name: z.string() }) } as const;
const routes = {
  login: servedRoute({ ...posted, id: "login", path: "/v1/login", permission: "anyone" }),
  change: servedRoute({ ...posted, id: "change", path: "/v1/change", permission: "storage.buckets:create" }),
  put: servedRoute({
    ...shared,
    id: "put",
    method: "PUT",
    path: "/v1/put",
    kind: "upload",
    permission: "storage.objects:create",
  }),
  look: servedRoute({ ...shared, id: "look", method: "GET", path: "/v1/look", permission: "storage.buckets:read" }),
};

interface Ask {
  readonly path: string;
  readonly method?: "POST" | "PUT" | "GET";
  readonly bearer?: string;
  readonly body?: string;
}

/** `outcome`: what the handlers throw; `auditError`: what the audit throws. */
function world(fault: { outcome?: ErrorId; auditError?: ErrorId } = {}) {
  const records: AuditRecord[] = [];
  let admitted = 0;
  let bodiesRead = 0;
  const principal = (kind: Principal["kind"]): Principal => {
    const changed = new AbortController().signal;
    return { kind, userUid: kind, userName: kind, role: "member", projectUid: "p", changed };
  };
  const act = async (call: { decide(what: string, check: () => "allow"): void }) => {
    call.decide("it", () => "allow");
    if (fault.outcome !== undefined) throw new SkerryError(fault.outcome, "It did not work.");
    return undefined;
  };
  const dispatch = createDispatcher({
    rehearse: async () => undefined,
    routes: Object.values(routes) as never,
    handlers: new Map(Object.values(routes).map((route) => handle.json(route as typeof routes.look, act))),
    authorizer: { allows: () => true, projectsFor: () => "all" },
    decide: () => "allow",
    authenticate: (authorization) => {
      if (authorization === undefined) return principal("anonymous");
      if (authorization === "Bearer good") return principal("user");
      throw new SkerryError("unauthenticated/revoked", "The credential was revoked.");
    },
    admitMutation: async () => void admitted++,
    audit: async (record) => {
      records.push(record);
      if (fault.auditError !== undefined) throw new SkerryError(fault.auditError, "The audit log cannot be written.");
    },
    clock: createFakeClock(),
  });
  return {
    recorded: () =>
      records.map(({ call, outcome, error }) => [call.route.id, call.principal.kind, outcome, error?.code]),
    counts: () => ({ admitted, bodiesRead }),
    async ask({ path, method = "POST", bearer, body = '{"name":"a"}' }: Ask) {
      const bytes = (async function* () {
        bodiesRead++;
        yield Buffer.from(body);
      })();
      const response = await dispatch(
        {
          ...{
            id: "r",
            method,
            target: path,
            body: bytes,
            remoteAddress: "10.0.0.1",
            signal: new AbortController().signal,
          },
          headers: {
            "content-type": "application/json",
            ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          },
        },
        { route: "-", principal: "-" },
      );
      return { status: response.status, problem: response.body === undefined ? {} : JSON.parse(String(response.body)) };
    },
  };
}

test("a credential that is not good is recorded as a denial, of a look as of a change", async () => {
  const w = world();
  for (const [method, path] of [
    ["GET", "/v1/look"],
    ["POST", "/v1/change"],
  ] as const) {
    assert.equal((await w.ask({ method, path, bearer: "stolen" })).status, 401);
  }
  assert.deepEqual(w.recorded(), [
    ["look", "anonymous", "denied", "unauthenticated"],
    ["change", "anonymous", "denied", "unauthenticated"],
  ]);
});

test("what a user tries in vain is recorded as failed; what nobody tries in vain is bounded as a denial", async () => {
  const failing = world({ outcome: "exhausted/rate" });
  await failing.ask({ path: "/v1/change", bearer: "good" });
  await failing.ask({ path: "/v1/login" });
  const w = world();
  assert.equal((await w.ask({ path: "/v1/login", body: "{" })).status, 400);
  assert.deepEqual(
    [...failing.recorded(), ...w.recorded()],
    [
      ["change", "user", "failed", "exhausted"],
      ["login", "anonymous", "denied", "exhausted"],
      ["login", "anonymous", "denied", "invalid"],
    ],
  );
});

test("a change that is made and cannot be recorded is told as made, and not recorded as failed", async () => {
  const w = world({ auditError: "exhausted/overload" });
  const { status, problem } = await w.ask({ path: "/v1/change", bearer: "good" });
  assert.deepEqual([status, problem.code], [503, "unavailable"]);
  assert.match(problem.detail, /change is made/);
  assert.deepEqual(w.recorded(), [["change", "user", "ok", undefined]]);
});

test("nobody is refused a change before the body is read and before anything is looked at", async () => {
  const w = world();
  for (const [method, path] of [
    ["POST", "/v1/change"],
    ["PUT", "/v1/put"],
  ] as const) {
    assert.equal((await w.ask({ method, path, body: "not even JSON" })).status, 401);
  }
  assert.deepEqual(w.counts(), { admitted: 0, bodiesRead: 0 });
});

test("a login is short, a user's request may be longer", async () => {
  const w = world();
  const body = JSON.stringify({ name: "x".repeat(LIMITS.http.maxLoginBytes) });
  assert.equal((await w.ask({ path: "/v1/login", body })).status, 413);
  assert.equal((await w.ask({ path: "/v1/login" })).status, 204);
  assert.equal((await w.ask({ path: "/v1/change", bearer: "good", body })).status, 204);
});
