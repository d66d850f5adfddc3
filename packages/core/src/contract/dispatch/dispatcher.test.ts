import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { SkerryError } from "../../domain/errors.ts";
import type { Authorizer, Decide, Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { servedRoute } from "../../testing/served-route.ts";
import { Client } from "../client/client.ts";
import { createInProcessTransport } from "../client/in-process.ts";
import { nameSchema, noParams, noQuery } from "../schema.ts";
import { type AuditRecord, createDispatcher, type HandlerEntry, handle } from "./dispatcher.ts";
import type { ListEvent } from "./events.ts";

const thing = z.object({ name: z.string() });
const routes = {
  get: servedRoute({
    id: "thing.get",
    method: "GET",
    path: "/v1/things/{name}",
    permission: "storage.buckets:read",
    summary: "Get",
    kind: "json",
    status: 200,
    params: z.strictObject({ name: nameSchema }),
    query: noQuery,
    output: thing,
  }),
  create: servedRoute({
    id: "thing.create",
    method: "POST",
    path: "/v1/things",
    permission: "storage.buckets:create",
    summary: "Create",
    kind: "json",
    status: 201,
    params: noParams,
    query: noQuery,
    body: z.strictObject({ name: nameSchema, deep: z.unknown().optional() }),
    output: thing,
  }),
  list: servedRoute({
    id: "thing.list",
    method: "GET",
    path: "/v1/things",
    permission: "storage.buckets:read",
    summary: "List",
    kind: "list",
    watch: true,
    status: 200,
    params: noParams,
    query: z.strictObject({ watch: z.enum(["1"]).optional(), from: z.coerce.number().optional() }),
    output: z.object({ items: z.array(thing), revision: z.int() }),
  }),
  file: servedRoute({
    id: "thing.file",
    method: "PUT",
    path: "/v1/files/{name}/{key*}",
    permission: "storage.objects:create",
    summary: "Store",
    kind: "upload",
    status: 201,
    params: z.strictObject({ name: nameSchema, key: z.string().min(1) }),
    query: noQuery,
    output: z.object({ sizeBytes: z.int(), key: z.string() }),
  }),
};

/** One principal, `amy`, whose credential can be taken away while she works. */
function world(
  extra: Partial<Record<keyof typeof routes, HandlerEntry>> = {},
  may: (name: string) => boolean = () => true,
) {
  let changed = new AbortController();
  let valid = true;
  const audit: AuditRecord[] = [];
  const authorizer: Authorizer = {
    allows: (_, permission) => may(`${permission.root}.${permission.resource}:${permission.action}`),
    projectsFor: () => "all",
  };
  const decide: Decide = (principal, permission, target) => {
    if (authorizer.allows(principal, permission, target)) return "allow";
    return authorizer.allows(principal, { ...permission, action: "read" }, target) ? "forbidden" : "hidden";
  };
  const amy = (): Principal => ({
    kind: "user",
    userUid: "u",
    userName: "amy",
    role: "member",
    projectUid: "p",
    changed: changed.signal,
  });
  const entries = [...defaultHandlers(), ...Object.values(extra)];
  const dispatch = createDispatcher({
    rehearse: async () => undefined,
    routes: Object.values(routes) as never,
    handlers: new Map(entries),
    authorizer,
    decide,
    authenticate: (bearer) => {
      if (bearer === undefined) return { ...amy(), kind: "anonymous", userName: "anonymous" };
      if (!valid || bearer !== "Bearer t") throw new SkerryError("unauthenticated", "The token is not good.");
      return amy();
    },
    audit: async (record) => void audit.push(record),
    clock: createFakeClock(),
    verifyOutput: true,
  });
  let n = 0;
  const transport = createInProcessTransport(dispatch, () => `r${++n}`);
  return {
    audit,
    dispatch,
    transport,
    client: new Client({ transport, token: "t" }),
    nobody: new Client({ transport }),
    change(stillValid: boolean) {
      valid = stillValid;
      const before = changed;
      changed = new AbortController();
      before.abort();
    },
  };
}

function defaultHandlers(): HandlerEntry[] {
  return [
    handle.json(routes.get, async (call, { params }) => {
      call.authorize({ project: "p" }, `thing ${params.name}`);
      return { name: params.name };
    }),
    handle.json(routes.create, async (call, { body }) => {
      call.authorize({ project: "p" }, "your project");
      return { name: body.name };
    }),
    handle.list(routes.list, {
      page: async (call) => {
        call.projects();
        return { items: [{ name: "one" }], revision: 7 };
      },
      watch: (call) => {
        call.projects();
        return endless(call.signal);
      },
    }),
    handle.json(routes.file, async (call, { params }) => {
      call.authorize({ project: "p" }, "the file");
      let sizeBytes = 0;
      for await (const part of call.request.body) {
        if (call.signal.aborted) throw call.signal.reason;
        sizeBytes += part.length;
      }
      return { sizeBytes, key: params.key };
    }),
  ];
}

async function* endless(signal: AbortSignal): AsyncGenerator<ListEvent> {
  yield { type: "put", id: "8.1", item: { name: "two" } };
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

async function send(w: ReturnType<typeof world>, method: string, target: string, body?: string, headers = {}) {
  const response = await w.transport({
    method,
    target,
    headers: { authorization: "Bearer t", "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const parts: Uint8Array[] = [];
  for await (const part of response.body) parts.push(part);
  return { ...response, text: Buffer.concat(parts).toString() };
}

describe("dispatcher", () => {
  test("a call goes through to its handler and back", async () => {
    const w = world();
    assert.deepEqual(await w.client.call(routes.get, { params: { name: "abc" } }), { name: "abc" });
    assert.deepEqual(await w.client.call(routes.create, { body: { name: "abc" } }), { name: "abc" });
    assert.deepEqual(
      w.audit.map(({ call, outcome }) => [call.route.id, outcome]),
      [["thing.create", "ok"]],
    );
  });

  test("a handler that does not ask for its permission gets no answer out", async () => {
    const careless = handle.json(routes.get, async () => ({ name: "secret" }));
    const w = world({ get: careless });
    const { status, text } = await send(w, "GET", "/v1/things/abc");
    assert.equal(status, 500);
    assert.doesNotMatch(text, /secret/);
  });

  test("what may not be read does not exist, what may not be changed is forbidden, nobody is asked who they are", async () => {
    const blind = world({}, () => false);
    await assert.rejects(blind.client.call(routes.get, { params: { name: "abc" } }), { code: "not_found" });
    const reader = world({}, (name) => name.endsWith(":read"));
    await assert.rejects(reader.client.call(routes.create, { body: { name: "abc" } }), { code: "forbidden" });
    assert.equal(reader.audit[0]?.outcome, "denied");
    await assert.rejects(blind.nobody.call(routes.get, { params: { name: "abc" } }), { code: "unauthenticated" });
  });

  const refused: [string, string, string, string | undefined, Record<string, string>, number][] = [
    ["no such path", "GET", "/v1/nothing", undefined, {}, 404],
    ["a method that the path lacks", "DELETE", "/v1/things", undefined, {}, 405],
    ["an unknown query parameter", "GET", "/v1/things?colour=red", undefined, {}, 400],
    ["a query parameter twice", "GET", "/v1/things?watch=1&watch=1", undefined, {}, 400],
    ["a broken percent sequence", "GET", "/v1/things/%zz", undefined, {}, 400],
    ["a name that is not allowed", "GET", "/v1/things/UPPER", undefined, {}, 400],
    ["an unknown member", "POST", "/v1/things", '{"name":"a","colour":1}', {}, 400],
    ["no JSON", "POST", "/v1/things", "{", {}, 400],
    ["__proto__", "POST", "/v1/things", '{"name":"a","deep":{"__proto__":{"x":1}}}', {}, 400],
    [
      "JSON that is too deep",
      "POST",
      "/v1/things",
      `{"name":"a","deep":${"[".repeat(5000)}${"]".repeat(5000)}}`,
      {},
      400,
    ],
    [
      "JSON of many members",
      "POST",
      "/v1/things",
      `{"name":"a","deep":[${"0,".repeat(LIMITS.http.maxJsonMembers)}0]}`,
      {},
      413,
    ],
    ["__proto__, spelled otherwise", "POST", "/v1/things", '{"name":"a","deep":[{"_\\u005fproto__":1}]}', {}, 400],
    ["a large body", "POST", "/v1/things", `{"name":"${"a".repeat(LIMITS.http.maxJsonBytes)}"}`, {}, 413],
    ["a form", "POST", "/v1/things", "name=a", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["a content coding", "POST", "/v1/things", "{}", { "content-encoding": "gzip" }, 415],
    ["a bad token", "GET", "/v1/things/abc", undefined, { authorization: "Bearer x" }, 401],
  ];
  for (const [name, method, target, body, headers, status] of refused) {
    test(`refused: ${name}`, async () => {
      const answer = await send(world(), method, target, body, headers);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      const problem = JSON.parse(answer.text) as { status: number; requestId: string; detail: string };
      assert.equal(problem.status, status);
      assert.match(problem.requestId, /^r\d+$/);
    });
  }

  test("a key keeps its slashes, dots and signs", async () => {
    const w = world();
    for (const key of ["a//b", "../x", "a/./b", "ü %2f?#", "/lead", "trail/"]) {
      const bytes = (async function* () {
        yield Buffer.from("12345");
      })();
      const answer = await w.client.upload(routes.file, { params: { name: "abc", key }, bytes });
      assert.deepEqual(answer, { sizeBytes: 5, key });
    }
  });

  test("a watch ends with the reason when the credential is revoked, and says to list again when rights changed", async () => {
    for (const [stillValid, code] of [
      [false, "unauthenticated"],
      [true, "conflict"],
    ] as const) {
      const w = world();
      const response = await w.client.download(routes.list, { query: { watch: "1" } });
      const text: string[] = [];
      for await (const part of response.body) {
        text.push(Buffer.from(part).toString());
        if (text.at(-1)?.includes("two")) w.change(stillValid);
      }
      assert.match(text.join(""), /event: put\nid: 8\.1\ndata: \{"name":"two"\}/);
      assert.match(text.join(""), new RegExp(`event: end\\ndata: .*"code":"${code}"`));
    }
  });

  test("an upload whose token is revoked midway is cut, one whose rights still hold goes on", async () => {
    for (const stillValid of [false, true]) {
      const w = world();
      const bytes = (async function* () {
        yield Buffer.from("1");
        w.change(stillValid);
        yield Buffer.from("2");
      })();
      const upload = w.client.upload(routes.file, { params: { name: "abc", key: "k" }, bytes });
      if (stillValid) assert.equal((await upload).sizeBytes, 2);
      else await assert.rejects(upload, { code: "unauthenticated" });
    }
  });

  test("streams are bounded and given back", async () => {
    const w = world();
    const open = () => w.client.download(routes.list, { query: { watch: "1" } });
    const held = [];
    for (let i = 0; i < LIMITS.http.maxStreamsPerPrincipal; i++) held.push(await open());
    await assert.rejects(open(), { code: "exhausted", reason: "rate" });
    for (const { body } of held.slice(0, 2)) {
      const iterator = body[Symbol.asyncIterator]();
      await iterator.next();
      await iterator.return?.();
    }
    // Returned before they were begun.
    for (const { body } of held.slice(2, 4)) await body[Symbol.asyncIterator]().return?.();
    for (let i = 0; i < 4; i++) held.push(await open());
    await assert.rejects(open(), { code: "exhausted", reason: "rate" });
    w.change(false);
    for (const { body } of held) for await (const _ of body);
  });
});
