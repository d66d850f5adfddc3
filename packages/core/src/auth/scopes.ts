/**
 * Scopes: from what people write to a trie that answers a question with a few map look-ups. A path cascades downwards, a
 * node holds the verbs that are given there as a bit mask.
 */
import { SkerryError } from "../domain/errors.ts";
import {
  ACTIONS,
  type Action,
  PERMISSION_TREE,
  type Permission,
  type Scopes,
  type Target,
} from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, isUid } from "../domain/resource.ts";

const ACTION_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  ACTIONS.map((action, bit) => [action, 1 << bit]),
);
const ALL_ACTIONS = (1 << ACTIONS.length) - 1;
const TREE: Readonly<Record<string, readonly string[]>> = PERMISSION_TREE;

interface Node {
  mask: number;
  readonly children: Map<string, Node>;
}

/** Compiled scopes. Immutable for everyone but `compileScopes`. */
export interface ScopeTrie {
  allows(permission: Permission, target: Target): boolean;
  /** Uids of the projects where it is given on every resource; `all` when everywhere. */
  projects(permission: Permission): ReadonlySet<string> | "all";
  /** True when each path and action of `scopes` is given here too: what they allow is allowed here. */
  covers(scopes: Scopes): boolean;
}

function refuse(path: string, why: string): never {
  throw new SkerryError("invalid", `The scope ${JSON.stringify(path)} is not valid: ${why}.`, {
    hint: "A path is *, ROOT, ROOT.PROJECT, ROOT.PROJECT.RESOURCE or ROOT.PROJECT.RESOURCE.UID; projects and resources may be *.",
    details: { field: "scopes", path },
  });
}

function checkPath(path: string): void {
  if (path === "*") return;
  const [root = "", project, resource, uid, ...rest] = path.split(".");
  const resources = Object.hasOwn(TREE, root) ? TREE[root] : undefined;
  if (resources === undefined)
    refuse(path, `there is no root ${JSON.stringify(root)}, only ${Object.keys(TREE).join(", ")}`);
  if (project === undefined) return;
  if (project !== "*" && project !== CLOUD && !isUid(project)) {
    refuse(
      path,
      `${JSON.stringify(project)} is not the uid of a project, "${CLOUD}" or "*" (scopes hold uids, never names)`,
    );
  }
  if (resource === undefined) return;
  if (resource !== "*" && !resources.includes(resource)) {
    refuse(path, `${root} has no resource ${JSON.stringify(resource)}, only ${resources.join(", ")}`);
  }
  if (uid === undefined) return;
  if (resource === "*" || !isUid(uid)) refuse(path, `${JSON.stringify(uid)} must be the uid of one resource`);
  if (rest.length > 0) refuse(path, "it has more than four parts");
}

function checkActions(path: string, actions: unknown): (Action | "*")[] {
  if (!Array.isArray(actions) || actions.length === 0)
    refuse(path, `it needs a list of actions: ${ACTIONS.join(", ")} or *`);
  for (const action of actions) {
    if (action !== "*" && !ACTIONS.includes(action)) {
      refuse(path, `there is no action ${JSON.stringify(action)}, only ${ACTIONS.join(", ")} and *`);
    }
  }
  return [...new Set(actions as (Action | "*")[])];
}

/**
 * Checks scopes that came from outside. @throws `invalid` with the path that is wrong (`details.path`),
 * `invalid/too-large` for more than `LIMITS.auth.maxScopesPerToken`.
 */
export function parseScopes(input: unknown): Scopes {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new SkerryError("invalid", "Scopes are an object: path of the permission tree -> list of actions.", {
      details: { field: "scopes" },
    });
  }
  const entries = Object.entries(input);
  if (entries.length === 0) {
    throw new SkerryError("invalid", "Scopes without a path allow nothing.", {
      hint: "Leave the scopes out for a token that may do all that its user may.",
      details: { field: "scopes" },
    });
  }
  if (entries.length > LIMITS.auth.maxScopesPerToken) {
    throw new SkerryError("invalid/too-large", `A token has at most ${LIMITS.auth.maxScopesPerToken} scopes.`, {
      details: { field: "scopes" },
    });
  }
  const scopes: [string, (Action | "*")[]][] = [];
  for (const [path, actions] of entries) {
    checkPath(path);
    scopes.push([path, checkActions(path, actions)]);
  }
  return Object.fromEntries(scopes);
}

function maskOf(actions: readonly string[]): number {
  let mask = 0;
  for (const action of actions) mask |= action === "*" ? ALL_ACTIONS : (ACTION_BITS[action] ?? 0);
  return mask;
}

function segmentsOf(path: string): readonly string[] {
  return path === "*" ? [] : path.split(".");
}

/** All verbs that are given on the way down `segments`, where `*` in the trie stands for any project or resource. */
function maskAlong(node: Node, segments: readonly string[], depth: number): number {
  const segment = segments[depth];
  if (segment === undefined || node.children.size === 0) return node.mask;
  let mask = node.mask;
  const exact = node.children.get(segment);
  if (exact !== undefined) mask |= maskAlong(exact, segments, depth + 1);
  if (segment === "*") return mask;
  const any = node.children.get("*");
  return any === undefined ? mask : mask | maskAlong(any, segments, depth + 1);
}

class Trie implements ScopeTrie {
  readonly #root: Node = { mask: 0, children: new Map() };

  add(scopes: Scopes): void {
    for (const [path, actions] of Object.entries(scopes)) {
      let node = this.#root;
      for (const segment of segmentsOf(path)) {
        let child = node.children.get(segment);
        if (child === undefined) {
          child = { mask: 0, children: new Map() };
          node.children.set(segment, child);
        }
        node = child;
      }
      node.mask |= maskOf(actions);
    }
  }

  allows(permission: Permission, target: Target): boolean {
    const bit = ACTION_BITS[permission.action] ?? 0;
    if (this.#root.mask & bit) return true;
    const root = this.#root.children.get(permission.root);
    if (root === undefined) return false;
    if (root.mask & bit) return true;
    return (
      allowsIn(root.children.get(target.project), permission.resource, target.uid, bit) ||
      allowsIn(root.children.get("*"), permission.resource, target.uid, bit)
    );
  }

  projects(permission: Permission): ReadonlySet<string> | "all" {
    const bit = ACTION_BITS[permission.action] ?? 0;
    const root = this.#root.children.get(permission.root);
    if (this.#root.mask & bit || (root !== undefined && root.mask & bit)) return "all";
    const found = new Set<string>();
    for (const [project, node] of root?.children ?? []) {
      if (!allowsIn(node, permission.resource, undefined, bit)) continue;
      if (project === "*") return "all";
      found.add(project);
    }
    return found;
  }

  covers(scopes: Scopes): boolean {
    return Object.entries(scopes).every(([path, actions]) => {
      const wanted = maskOf(actions);
      return (maskAlong(this.#root, segmentsOf(path), 0) & wanted) === wanted;
    });
  }
}

function allowsIn(project: Node | undefined, resource: string, uid: string | undefined, bit: number): boolean {
  if (project === undefined) return false;
  if (project.mask & bit) return true;
  const any = project.children.get("*");
  if (any !== undefined && any.mask & bit) return true;
  const node = project.children.get(resource);
  if (node === undefined) return false;
  if (node.mask & bit) return true;
  if (uid === undefined) return false;
  const one = node.children.get(uid);
  return one !== undefined && (one.mask & bit) !== 0;
}

/** Several scopes together: what one of them allows is allowed. Unknown paths and actions of a newer version allow nothing. */
export function compileScopes(...all: readonly Scopes[]): ScopeTrie {
  const trie = new Trie();
  for (const scopes of all) trie.add(scopes);
  return trie;
}
