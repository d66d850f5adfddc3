/** Names for completion: from the cloud, the contexts and the disk. What cannot be asked in time is no name. */
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { PathTemplate, Route } from "@skerry/core/contract/route.ts";
import type { Meta } from "@skerry/core/contract/schema.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { loadDescriptor, type ResourceKind } from "../commands/resource/kinds.ts";
import type { Connection } from "../context/connect.ts";
import { readContexts } from "../context/contexts.ts";
import { parsePlace } from "../transfer/address.ts";
import type { Candidate, GlobalWords, Sources } from "./complete.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface NamePage {
  readonly items: readonly { readonly meta: Meta }[];
  readonly nextPage?: string;
}

interface NameList {
  readonly path: PathTemplate;
  readonly byProject?: boolean;
  readonly byUid?: boolean;
}

/**
 * Where the names of a kind are. The descriptors know it too, but bring the schemas of the whole API, which take longer to
 * load than the answer to come; a kind that is not here is asked for through them.
 */
export const LISTS: Readonly<Partial<Record<ResourceKind, NameList>>> = {
  bucket: { path: "/v1/buckets", byProject: true },
  route: { path: "/v1/routes", byProject: true },
  upstream: { path: "/v1/upstreams", byProject: true },
  iplist: { path: "/v1/iplists", byProject: true },
  certificate: { path: "/v1/certificates", byProject: true },
  container: { path: "/v1/containers", byProject: true },
  volume: { path: "/v1/volumes", byProject: true },
  user: { path: "/v1/users" },
  project: { path: "/v1/projects" },
  binding: { path: "/v1/bindings", byProject: true },
  token: { path: "/v1/tokens" },
  session: { path: "/v1/sessions", byUid: true },
};

async function nameListOf(kind: ResourceKind): Promise<NameList> {
  const { list, listsByProject, param } = await loadDescriptor(kind);
  return {
    path: list.path,
    ...(listsByProject ? { byProject: true } : {}),
    ...(param === "uid" ? { byUid: true } : {}),
  };
}

export function createSources(env: Environment, signal: AbortSignal): Sources {
  const ask = async <T>(path: PathTemplate, query: Record<string, unknown>, { client }: Connection) => {
    const route = { method: "GET", path } as Route;
    return (await client.call(route, { query, signal } as never)) as T;
  };
  const listNames = async (kind: ResourceKind, flags: GlobalWords): Promise<readonly Candidate[]> => {
    const [connection, list] = await Promise.all([open(env, flags), LISTS[kind] ?? nameListOf(kind)]);
    const project = list.byProject === true ? (flags.project ?? connection.context.project) : undefined;
    const found: Candidate[] = [];
    let page: string | undefined;
    for (let pages = 0; pages < LIMITS.cli.completionPages; pages++) {
      const query = {
        limit: LIMITS.store.maxPageEntries,
        ...(project === undefined ? {} : { project }),
        ...(page === undefined ? {} : { page }),
      };
      const answer = await ask<NamePage>(list.path, query, connection).catch((error: unknown) => {
        // When time is up, the names that came are better than none.
        if (found.length === 0) throw error;
        return undefined;
      });
      found.push(...(answer?.items ?? []).map(({ meta }) => ({ text: list.byUid === true ? meta.uid : meta.name })));
      page = answer?.nextPage;
      if (page === undefined) break;
    }
    return found;
  };
  return {
    names: listNames,
    images: async (flags) => {
      const connection = await open(env, flags);
      const project = flags.project ?? connection.context.project;
      const query = project === undefined ? {} : { project };
      const { items } = await ask<{ items: readonly { name: string }[] }>("/v1/images", query, connection);
      return items.map(({ name }) => ({ text: name }));
    },
    places: async (typed, flags) => {
      const place = parsePlace(typed);
      if (place.at !== "bucket") {
        return (await listNames("bucket", flags)).map(({ text }) => ({ text: `${text}:`, open: true }));
      }
      const { bucket, key } = place;
      const query = { limit: LIMITS.objects.maxPageEntries, delimiter: "/", ...(key === "" ? {} : { prefix: key }) };
      const page = await ask<{ items: readonly { key: string }[]; prefixes: readonly string[] }>(
        `/v1/objects/${bucket}`,
        query,
        await open(env, flags),
      );
      return [
        ...page.prefixes.map((prefix): Candidate => ({ text: `${bucket}:${prefix}`, open: true })),
        ...page.items.map((item) => ({ text: `${bucket}:${item.key}` })),
      ];
    },
    contexts: async () => (await readContexts(env)).contexts.map(({ name }) => ({ text: name })),
    files: (typed) => listFiles(typed, env),
  };
}

async function open(env: Environment, flags: GlobalWords): Promise<Connection> {
  const { connect } = await import("../context/connect.ts");
  const tokenFile = flags["token-file"];
  return connect({
    env,
    context: flags.context,
    // Standard input belongs to the shell.
    tokenFile: tokenFile === "-" ? undefined : tokenFile,
    stdin: (async function* () {})(),
  });
}

/** What is in the folder that the word names so far; hidden ones when asked for. */
async function listFiles(typed: string, env: Environment): Promise<readonly Candidate[]> {
  const cut = typed.lastIndexOf("/") + 1;
  const [folder, begun] = [typed.slice(0, cut), typed.slice(cut)];
  const real = folder.startsWith("~/") ? join(env["HOME"] || homedir(), folder.slice(2)) : folder || ".";
  const found = await readdir(real, { withFileTypes: true });
  return found
    .filter(({ name }) => name.startsWith(begun) && (begun !== "" || !name.startsWith(".")))
    .slice(0, LIMITS.store.maxPageEntries)
    .map((entry) =>
      entry.isDirectory() ? { text: `${folder}${entry.name}/`, open: true } : { text: folder + entry.name },
    );
}
