/** The table of one project as it would be with other routes, upstreams and lists: compiled as the one that runs. */
import type { StoredCertificate } from "../../domain/certificates.ts";
import type { Route } from "../../domain/gateway.ts";
import { resourceKey } from "../../domain/resource.ts";
import { type IpList, parseIpList } from "../../domain/route-access.ts";
import type { Entry } from "../../domain/store.ts";
import type { UpstreamResource } from "../../domain/upstreams.ts";
import { compileRoute, type Lookups } from "../compile.ts";
import { NetworkLists } from "../guard/network-lists.ts";
import { NetworkSet } from "../guard/network-set.ts";
import { HostEntries } from "../host-entries.ts";
import type { TableEntry } from "../table.ts";

/** What routes of a project are compiled from. */
export interface TableSources {
  readonly routes: readonly Route[];
  readonly lookups: Lookups;
  readonly lists: Pick<NetworkLists, "get">;
}

/** Routes of a project, compiled. Those below HTTP are left out: they see no requests. */
export interface ProjectTable {
  readonly hosts: HostEntries;
  /** By uid. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly lists: Pick<NetworkLists, "get">;
  /** Whether it matters from where a request comes. */
  readonly asksForClient: boolean;
}

/** By key of the store; undefined: it is deleted. */
export type Written = ReadonlyMap<string, Entry | undefined>;

/** @throws `invalid` when a route cannot be compiled. */
export function compileProject({ routes, lookups, lists }: TableSources): ProjectTable {
  const hosts = new HostEntries();
  const byId = new Map<string, Route>();
  let asksForClient = false;
  for (const route of routes) {
    if (route.spec.listen !== undefined) continue;
    const entry = compileRoute(route, lookups);
    hosts.enter(entry);
    byId.set(entry.id, route);
    asksForClient ||= entry.guard?.access !== undefined;
  }
  return { hosts, routes: byId, lists, asksForClient };
}

/** The sources with what is written. */
export function sourcesWith(project: string, { routes, lookups, lists }: TableSources, written: Written): TableSources {
  const of = <T>(
    kind: "route" | "upstream" | "iplist" | "certificate",
    owner: string,
    name: string,
    before: () => T,
  ) => {
    const key = resourceKey(kind, owner, name);
    return written.has(key) ? { value: written.get(key)?.value as unknown } : { before: before() };
  };
  const kept = routes.filter(({ meta }) => !written.has(resourceKey("route", project, meta.name)));
  const put = [...written].flatMap(([key, entry]) => (isOf("route", project, key) && entry ? [entry.value] : []));
  const draftLists = new NetworkLists();
  for (const [key, entry] of written) {
    if (!isOf("iplist", project, key) || entry === undefined) continue;
    const { meta, spec } = entry.value as unknown as IpList;
    draftLists.set(meta.uid, NetworkSet.of(parseIpList(spec.entries)));
  }
  return {
    routes: [...kept, ...(put as unknown as Route[])],
    lists: { get: (id) => draftLists.get(id) ?? lists.get(id) },
    lookups: {
      ...lookups,
      upstream: (owner, name) => {
        const { value, before } = of("upstream", owner, name, () => lookups.upstream(owner, name));
        return before ?? (value as UpstreamResource | undefined);
      },
      ipList: (owner, name) => {
        const { value, before } = of("iplist", owner, name, () => lookups.ipList(owner, name));
        return before ?? (value as IpList | undefined)?.meta.uid;
      },
      clientCertificate: (owner, name) => {
        const { value, before } = of("certificate", owner, name, () => lookups.clientCertificate(owner, name));
        if (before !== undefined) return before;
        const found = value as StoredCertificate | undefined;
        if (found === undefined) return `there is no certificate ${name}`;
        if (found.spec.use !== "client") return `the certificate ${name} is not one of a client`;
        // Nothing is sent: the key stays sealed.
        return { certificate: found.spec.certificate, key: "" };
      },
    },
  };
}

function isOf(kind: string, project: string, key: string): boolean {
  return key.startsWith(`/${kind}/${project}/`);
}

/** All that may decide about requests to the host, with those of the project in place of its own. */
export function entriesWith(
  project: string,
  table: ProjectTable,
  live: readonly TableEntry[],
  host: string,
): readonly TableEntry[] {
  return [...live.filter((entry) => entry.project !== project), ...table.hosts.allFor(host)];
}
