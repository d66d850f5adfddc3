import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIONS, PERMISSION_TREE, type Permission, ROLES } from "../domain/identity.ts";
import { CLOUD } from "../domain/resource.ts";
import { cloudRoleScopes, ownProjectRole, ownScopes, projectRoleScopes } from "./roles.ts";
import { compileScopes, parseScopes, type ScopeTrie } from "./scopes.ts";

const PROJECT = "p".repeat(26);
const OTHER = "q".repeat(26);
const USER = "u".repeat(26);

/** Everything that is given in the project, as `root.resource:action`, sorted. */
function givenIn(trie: ScopeTrie, project: string, uid?: string): string[] {
  const given: string[] = [];
  for (const [root, resources] of Object.entries(PERMISSION_TREE)) {
    for (const resource of resources) {
      for (const action of ACTIONS) {
        const permission = { root, resource, action } as Permission;
        if (trie.allows(permission, uid === undefined ? { project } : { project, uid }))
          given.push(`${root}.${resource}:${action}`);
      }
    }
  }
  return given.sort();
}

test("the scopes of every role are valid", () => {
  for (const role of ROLES) {
    const cloud = cloudRoleScopes(role);
    if (Object.keys(cloud).length > 0) parseScopes(cloud);
    parseScopes(projectRoleScopes(ownProjectRole(role), PROJECT));
  }
  parseScopes(ownScopes(USER, PROJECT));
});

test("an operator reads how the machines are, steers jobs and settings, and may use wildcard hosts", () => {
  const trie = compileScopes(cloudRoleScopes("operator"));
  const expected = [
    ...["containers", "images", "networks", "volumes"].map((resource) => `compute.${resource}:read`),
    "auth.projects:read",
    "gateway.certificates:read",
    "gateway.iplists:read",
    "gateway.ports:read",
    "gateway.routes:any",
    "gateway.routes:read",
    "gateway.upstreams:read",
    "node.jobs:read",
    "node.jobs:update",
    "node.backups:create",
    "node.backups:read",
    "node.metrics:read",
    "node.settings:read",
    "node.settings:update",
    "node.status:read",
    "storage.buckets:read",
    "storage.status:read",
  ].sort();
  for (const project of [CLOUD, PROJECT]) assert.deepEqual(givenIn(trie, project), expected);
});

test("an admin may everything, a member and a viewer nothing in the cloud", () => {
  const all = Object.values(PERMISSION_TREE).flat().length * ACTIONS.length;
  assert.equal(givenIn(compileScopes(cloudRoleScopes("admin")), PROJECT).length, all);
  for (const role of ["member", "viewer"] as const)
    assert.deepEqual(givenIn(compileScopes(cloudRoleScopes(role)), PROJECT), []);
});

test("a member changes what is in the project, a viewer reads it, neither manages it nor reaches another", () => {
  const member = compileScopes(projectRoleScopes("member", PROJECT));
  const viewer = compileScopes(projectRoleScopes("viewer", PROJECT));
  const things = Object.entries(PERMISSION_TREE).flatMap(([root, all]) =>
    root === "storage" || root === "gateway" || root === "compute" ? all.map((resource) => `${root}.${resource}`) : [],
  );
  const seen = ["auth.bindings:read", "auth.projects:read"];
  const changes = things.flatMap((thing) =>
    ["read", "create", "update", "delete"].map((action) => `${thing}:${action}`),
  );
  assert.deepEqual(givenIn(member, PROJECT), [...seen, ...changes].sort());
  assert.deepEqual(givenIn(viewer, PROJECT), [...seen, ...things.map((thing) => `${thing}:read`)].sort());
  for (const project of [OTHER, CLOUD])
    assert.deepEqual([...givenIn(member, project), ...givenIn(viewer, project)], []);
  assert.deepEqual(projectRoleScopes("admin" as never, PROJECT), {}, "an unknown role gives nothing");
});

test("everyone sees the own user and manages the own password, sessions and tokens", () => {
  const trie = compileScopes(ownScopes(USER, PROJECT));
  assert.deepEqual(givenIn(trie, CLOUD, USER), ["auth.passwords:update", "auth.users:read"]);
  assert.deepEqual(givenIn(trie, CLOUD), []);
  assert.deepEqual(givenIn(trie, CLOUD, OTHER), []);
  const own = ["read", "create", "delete"].flatMap((action) => [`auth.sessions:${action}`, `auth.tokens:${action}`]);
  assert.deepEqual(givenIn(trie, PROJECT), ["auth.projects:read", ...own].sort());
});
