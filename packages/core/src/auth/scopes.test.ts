import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError } from "../domain/errors.ts";
import {
  ACTIONS,
  type Action,
  PERMISSION_TREE,
  type Permission,
  type Scopes,
  type Target,
} from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { compileScopes, parseScopes } from "./scopes.ts";

const A = "a".repeat(26);
const B = "b".repeat(26);
const runs = process.env["SKERRY_TEST_TIER"] === "full" ? 10_000 : 500;

function permission(text: string): Permission {
  const [path = "", action = ""] = text.split(":");
  const [root = "", resource = ""] = path.split(".");
  return { root, resource, action } as Permission;
}

test("a scope that cannot be right is refused with its path", () => {
  const wrong: readonly [path: string, actions: unknown][] = [
    ["", ["read"]],
    ["nothing", ["read"]],
    ["__proto__", ["read"]],
    ["constructor", ["read"]],
    ["storage.team", ["read"]],
    [`storage.${A}.containers`, ["read"]],
    [`storage.${A}.*.${B}`, ["read"]],
    [`storage.${A}.buckets.photos`, ["read"]],
    [`storage.${A}.buckets.*`, ["read"]],
    [`storage.${A}.buckets.${B}.x`, ["read"]],
    [`*.${A}`, ["read"]],
    [`storage..buckets`, ["read"]],
    ["storage", []],
    ["storage", "*"],
    ["storage", ["write"]],
    ["storage", ["read", 1]],
  ];
  for (const [path, actions] of wrong) {
    const input = JSON.parse(`{${JSON.stringify(path)}: ${JSON.stringify(actions)}}`);
    assert.throws(
      () => parseScopes(input),
      (error) =>
        isError(error, "invalid") && error.details?.["path"] === path && error.message.includes(JSON.stringify(path)),
      path,
    );
  }
  for (const input of [null, [], "*", {}, undefined]) {
    assert.throws(
      () => parseScopes(input),
      (error) => isError(error, "invalid"),
    );
  }
  const many = Object.fromEntries(
    Array.from({ length: LIMITS.auth.maxScopesPerToken + 1 }, (_, i) => [
      `storage.${String.fromCharCode(97 + (i % 26)).repeat(25)}${i < 26 ? "a" : i < 52 ? "b" : "c"}`,
      ["read"],
    ]),
  );
  assert.throws(
    () => parseScopes(many),
    (error) => isError(error, "invalid/too-large"),
  );
});

test("every path of the closed tree is taken", () => {
  for (const [root, resources] of Object.entries(PERMISSION_TREE)) {
    for (const project of [A, "cloud", "*"]) {
      parseScopes({
        "*": ["*"],
        [root]: ["read"],
        [`${root}.${project}`]: ["any"],
        [`${root}.${project}.*`]: ["delete"],
      });
      for (const resource of resources) {
        parseScopes({ [`${root}.${project}.${resource}`]: ["read"], [`${root}.${project}.${resource}.${B}`]: ["*"] });
      }
    }
  }
});

test("scopes cascade downwards and nowhere else", () => {
  const trie = compileScopes({
    [`storage.${A}`]: ["read"],
    [`storage.${B}.objects.${A}`]: ["update"],
    "gateway.*.routes": ["any"],
  });
  const allows = (text: string, project: string, uid?: string) =>
    trie.allows(permission(text), uid === undefined ? { project } : { project, uid });
  assert.equal(allows("storage.buckets:read", A), true);
  assert.equal(allows("storage.objects:read", A, B), true);
  assert.equal(allows("storage.objects:update", A, B), false);
  assert.equal(allows("storage.objects:read", B, A), false);
  assert.equal(allows("storage.objects:update", B, A), true);
  assert.equal(allows("storage.objects:update", B, B), false);
  assert.equal(allows("storage.objects:update", B), false, "one uid is not the kind");
  assert.equal(allows("storage.buckets:update", B, A), false);
  assert.equal(allows("gateway.routes:any", B), true);
  assert.equal(allows("gateway.routes:read", B), false, "any does not imply the others");
  assert.equal(allows("gateway.upstreams:any", B), false);
  assert.equal(allows("compute.containers:read", A), false);
  assert.deepEqual(trie.projects(permission("storage.buckets:read")), new Set([A]));
  assert.deepEqual(trie.projects(permission("storage.objects:update")), new Set());
  assert.equal(trie.projects(permission("gateway.routes:any")), "all");
});

const anyProject = fc.constantFrom(A, B, "cloud");
const anyPermission = fc
  .constantFrom(
    ...Object.entries(PERMISSION_TREE).flatMap(([root, all]) => all.map((resource) => ({ root, resource }))),
  )
  .chain(({ root, resource }) =>
    fc.constantFrom(...ACTIONS).map((action) => ({ root, resource, action }) as Permission),
  );
const anyTarget: fc.Arbitrary<Target> = fc
  .tuple(anyProject, fc.option(fc.constantFrom(A, B), { nil: undefined }))
  .map(([project, uid]) => (uid === undefined ? { project } : { project, uid }));
const anyPath = fc.oneof(
  fc.constant("*"),
  fc
    .tuple(
      anyPermission,
      fc.oneof(anyProject, fc.constant("*")),
      fc.boolean(),
      fc.constantFrom(A, B),
      fc.integer({ min: 1, max: 4 }),
    )
    .map(([{ root, resource }, project, star, uid, depth]) => {
      const third = star && depth === 3 ? "*" : resource;
      return [root, project, third, uid].slice(0, depth).join(".");
    }),
);
const anyScopes: fc.Arbitrary<Scopes> = fc.dictionary(
  anyPath,
  fc.uniqueArray(fc.constantFrom<Action | "*">(...ACTIONS, "*"), { minLength: 1 }),
  {
    minKeys: 1,
    maxKeys: 6,
  },
);

/** The rule in one sentence, without a trie: some path is a prefix of what is asked, `*` standing for one part. */
function modelAllows(scopes: Scopes, { root, resource, action }: Permission, { project, uid }: Target): boolean {
  const asked = [root, project, resource, ...(uid === undefined ? [] : [uid])];
  return Object.entries(scopes).some(([path, actions]) => {
    const parts = path === "*" ? [] : path.split(".");
    const reaches =
      parts.length <= asked.length &&
      parts.every((part, i) => part === asked[i] || (part === "*" && (i === 1 || i === 2)));
    return reaches && (actions.includes("*") || actions.includes(action));
  });
}

test("the trie decides as the rule read literally does", () => {
  fc.assert(
    fc.property(anyScopes, anyPermission, anyTarget, (scopes, asked, target) => {
      const trie = compileScopes(parseScopes(scopes));
      assert.equal(trie.allows(asked, target), modelAllows(scopes, asked, target));
      const projects = trie.projects(asked);
      const whole = trie.allows(asked, { project: target.project });
      assert.equal(projects === "all" || projects.has(target.project), whole);
    }),
    { numRuns: runs },
  );
});

test("what covers other scopes allows all that they allow", () => {
  let covered = 0;
  fc.assert(
    fc.property(
      anyScopes,
      anyScopes,
      fc.array(fc.tuple(anyPermission, anyTarget), { minLength: 20 }),
      (wide, narrow, asked) => {
        const trie = compileScopes(wide);
        assert.equal(trie.covers(wide), true);
        if (!trie.covers(narrow)) return;
        covered += 1;
        for (const [permission, target] of asked) {
          if (modelAllows(narrow, permission, target)) assert.equal(trie.allows(permission, target), true);
        }
      },
    ),
    { numRuns: runs },
  );
  assert.ok(covered > 0, "some pair was covered");
  assert.equal(compileScopes({ storage: ["read"] }).covers({ [`storage.${A}`]: ["read"] }), true);
  assert.equal(compileScopes({ [`storage.${A}`]: ["read"] }).covers({ storage: ["read"] }), false);
  assert.equal(compileScopes({ [`storage.${A}`]: ["read"] }).covers({ "storage.*": ["read"] }), false);
  assert.equal(
    compileScopes({ "storage.*.objects": ["read"] }).covers({ [`storage.${A}.objects.${B}`]: ["read"] }),
    true,
  );
  assert.equal(compileScopes({ storage: ["read"] }).covers({ storage: ["*"] }), false);
});
