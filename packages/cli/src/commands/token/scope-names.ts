/** Scopes hold uids. People see the names behind them, in the form that `--scope` takes: `storage.@alice.objects.@photos`. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import type { TokenView } from "@skerry/core/contract/api/token.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/contract/errors.ts";
import type { Meta } from "@skerry/core/contract/schema.ts";

/** Resources that are looked at for the names of one kind. Beyond, the uid is shown. */
const MAX_LOOKED_AT = 5000;

type Kind = "projects" | "buckets" | "users";

/** The tokens with names for uids, as far as they can be looked up: what is gone, or not ours to see, stays a uid. */
export async function nameScopes(
  client: Client,
  tokens: readonly TokenView[],
  signal: AbortSignal,
): Promise<readonly TokenView[]> {
  const paths = tokens.flatMap(({ spec }) => Object.keys(spec.scopes ?? {}));
  const names: Record<Kind, Map<string, string>> = { projects: new Map(), buckets: new Map(), users: new Map() };
  for (const { meta } of tokens) if (meta.projectName !== undefined) names.projects.set(meta.project, meta.projectName);
  const lookUp = async (kind: Kind, items: () => AsyncIterable<{ readonly meta: Meta }>) => {
    const wanted = new Set(paths.flatMap((path) => uidsIn(path)[kind] ?? []).filter((uid) => !names[kind].has(uid)));
    if (wanted.size > 0) await findNames(items(), wanted, names[kind]);
  };
  await lookUp("buckets", () => client.items(bucketRoutes.list, { signal }));
  await lookUp("users", () => client.items(userRoutes.list, { signal }));
  await lookUp("projects", () => client.items(projectRoutes.list, { signal }));
  return tokens.map((token) => {
    const { scopes } = token.spec;
    if (scopes === undefined) return token;
    const named = Object.entries(scopes).map(([path, actions]) => [namePath(path, names), actions]);
    return { ...token, spec: { ...token.spec, scopes: Object.fromEntries(named) as typeof scopes } };
  });
}

async function findNames(
  items: AsyncIterable<{ readonly meta: Meta }>,
  wanted: Set<string>,
  names: Map<string, string>,
): Promise<void> {
  let seen = 0;
  try {
    for await (const { meta } of items) {
      if (wanted.delete(meta.uid)) names.set(meta.uid, meta.name);
      if (wanted.size === 0 || ++seen >= MAX_LOOKED_AT) return;
    }
  } catch (error) {
    // A token may be for less than this.
    if (!isError(error, "forbidden") && !isError(error, "not_found")) throw error;
  }
}

/** Where `skerry token create --scope` looks names up too. */
function kindUnder(resource: string | undefined): Kind | undefined {
  if (resource === "buckets" || resource === "objects") return "buckets";
  return resource === "users" ? "users" : undefined;
}

function uidsIn(path: string): Partial<Record<Kind, string>> {
  const [, project, resource, thing] = path.split(".");
  const kind = kindUnder(resource);
  return {
    ...(project === undefined || project === "*" || project === "cloud" ? {} : { projects: project }),
    ...(kind === undefined || thing === undefined || thing === "*" ? {} : { [kind]: thing }),
  };
}

function namePath(path: string, names: Record<Kind, Map<string, string>>): string {
  const [root, project, resource, thing, ...more] = path.split(".");
  const kind = kindUnder(resource);
  const say = (uid: string | undefined, found: Map<string, string> | undefined) => {
    const name = uid === undefined ? undefined : found?.get(uid);
    return name === undefined ? uid : `@${name}`;
  };
  const thingName = say(thing, kind === undefined ? undefined : names[kind]);
  return [root, say(project, names.projects), resource, thingName, ...more]
    .filter((part) => part !== undefined)
    .join(".");
}
