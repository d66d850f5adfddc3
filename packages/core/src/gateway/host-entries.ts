/** The entries of a routing table by the host that they lead from, as it is written in the route. */
import { namesAbove } from "../domain/gateway.ts";
import type { TableEntry } from "./table.ts";

export class HostEntries {
  /** By host, then by id. */
  readonly #hosts = new Map<string, Map<string, TableEntry>>();

  /** The host, or the wildcard above it, that decides about requests to this name; undefined: none does. */
  servedAs(host: string): string | undefined {
    return hostsFor(host).find((name) => this.#hosts.has(name));
  }

  /** A host belongs to one project. */
  projectAt(host: string): string | undefined {
    const [first] = this.#hosts.get(host)?.values() ?? [];
    return first?.project;
  }

  /** All that may decide about requests to this name. */
  allFor(host: string): readonly TableEntry[] {
    return hostsFor(host).flatMap((name) => [...(this.#hosts.get(name)?.values() ?? [])]);
  }

  enter(entry: TableEntry): void {
    const entries = this.#hosts.get(entry.host);
    if (entries === undefined) this.#hosts.set(entry.host, new Map([[entry.id, entry]]));
    else entries.set(entry.id, entry);
  }

  leave(entry: TableEntry | undefined): void {
    const entries = entry && this.#hosts.get(entry.host);
    if (entries === undefined) return;
    entries.delete(entry?.id ?? "");
    if (entries.size === 0) this.#hosts.delete(entry?.host ?? "");
  }
}

/** The name itself, then the wildcards above it. */
function hostsFor(host: string): string[] {
  return [host, ...namesAbove(host).map((name) => `*.${name}`)];
}
