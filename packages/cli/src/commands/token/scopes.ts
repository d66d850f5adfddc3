/** Scopes as people type them: `storage.@alice.objects=read`. Names behind `@` become uids, because scopes hold uids. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { ACTIONS, PERMISSION_TREE } from "@skerry/core/contract/lists.ts";
import { closest } from "../suggest.ts";

type Action = (typeof ACTIONS)[number] | "*";
export type Scopes = Record<string, Action[]>;

export interface ScopeWishes {
  /** `PATH=ACTION,ACTION` */
  readonly scopes: readonly string[];
  readonly buckets: readonly string[];
  readonly readOnly: boolean;
}

const BUCKET_ACTIONS: readonly Action[] = ["read", "create", "update", "delete"];

/** Undefined: no bounds, all that its user may. @throws `invalid`; `not_found` for a name. */
export async function resolveScopes(
  client: Client,
  wishes: ScopeWishes,
  signal: AbortSignal,
): Promise<Scopes | undefined> {
  const { readOnly } = wishes;
  const scopes: Scopes = {};
  for (const text of wishes.scopes) {
    const { path, actions } = parseScope(text);
    const kept = readOnly
      ? actions.filter((action) => action === "read" || action === "*").map(() => "read" as const)
      : actions;
    if (kept.length === 0) throw new SkerryError("invalid", `--read-only leaves nothing of --scope ${text}.`);
    scopes[await resolvePath(client, path, signal)] = [...kept];
  }
  for (const name of wishes.buckets) {
    const { meta } = await client.call(bucketRoutes.get, { params: { name }, signal });
    scopes[`storage.${meta.project}.buckets.${meta.uid}`] = ["read"];
    scopes[`storage.${meta.project}.objects.${meta.uid}`] = readOnly ? ["read"] : [...BUCKET_ACTIONS];
  }
  if (readOnly && Object.keys(scopes).length === 0) scopes["*"] = ["read"];
  return Object.keys(scopes).length === 0 ? undefined : scopes;
}

function parseScope(text: string): { path: string; actions: readonly Action[] } {
  const equals = text.lastIndexOf("=");
  if (equals <= 0) {
    throw new SkerryError("invalid", `${JSON.stringify(text)} is not a scope: a scope is PATH=ACTION,ACTION.`, {
      hint: "Like this: --scope 'storage.@alice.objects=read,create'",
    });
  }
  const actions = text.slice(equals + 1).split(",");
  const known: readonly string[] = [...ACTIONS, "*"];
  const wrong = actions.find((action) => !known.includes(action));
  if (wrong !== undefined) {
    const near = closest(wrong, known);
    throw new SkerryError("invalid", `${JSON.stringify(wrong)} is no action: there are ${known.join(", ")}.`, {
      ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }),
    });
  }
  return { path: text.slice(0, equals), actions: actions as Action[] };
}

async function resolvePath(client: Client, path: string, signal: AbortSignal): Promise<string> {
  const segments = path.split(".");
  const [root = "", project, resource, thing] = segments;
  if (segments.length > 4) throw badPath(path, "it has more than four parts");
  if (root !== "*" && !Object.hasOwn(PERMISSION_TREE, root)) {
    const near = closest(root, Object.keys(PERMISSION_TREE));
    throw badPath(path, `there is no root ${root}`, near === undefined ? undefined : `Did you mean ${near}?`);
  }
  const resolved = [root];
  if (project !== undefined) resolved.push(await resolveProject(client, project, signal));
  if (resource !== undefined) resolved.push(resource);
  if (thing !== undefined) resolved.push(await resolveThing(client, resource ?? "", thing, path, signal));
  return resolved.join(".");
}

async function resolveProject(client: Client, segment: string, signal: AbortSignal): Promise<string> {
  if (!segment.startsWith("@")) return segment;
  const project = await client.call(projectRoutes.get, { params: { name: segment.slice(1) }, signal });
  return project.meta.uid;
}

async function resolveThing(
  client: Client,
  resource: string,
  segment: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  if (!segment.startsWith("@")) return segment;
  const params = { name: segment.slice(1) };
  if (resource === "buckets" || resource === "objects") {
    return (await client.call(bucketRoutes.get, { params, signal })).meta.uid;
  }
  if (resource === "users") return (await client.call(userRoutes.get, { params, signal })).meta.uid;
  throw badPath(path, `a name cannot be looked up under ${resource}`, "Use the uid: skerry get KIND NAME -o json.");
}

function badPath(path: string, why: string, hint?: string): SkerryError {
  return new SkerryError("invalid", `${JSON.stringify(path)} is not the path of a scope: ${why}.`, {
    hint: hint ?? "It looks like ROOT.PROJECT.RESOURCE.UID, e.g. storage.@alice.objects.",
  });
}
