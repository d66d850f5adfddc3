/** The entries of a routing table by the host that they lead from, as it is written in the route. */
import { namesAbove } from "../domain/gateway.ts";
import { wildcardFor } from "./routing/wildcard.ts";
import type { TableEntry } from "./table.ts";

export class HostEntries {
  /** By host, then by id. */
  readonly #hosts = new Map<string, Map<string, TableEntry>>();

  /** The host, or the wildcard above it, that decides about requests to this name; undefined: none does. */
  servedAs(host: string): string | undefined {
    return this.#hosts.has(host) ? host : wildcardFor(host, (name) => this.#first(name))?.host;
  }

  /** A host belongs to one project. */
  projectAt(host: string): string | undefined {
    return this.#first(host)?.project;
  }

  #first(host: string): TableEntry | undefined {
    const [first] = this.#hosts.get(host)?.values() ?? [];
    return first;
  }

  /** All that may decide about requests to this name, or say whose it is. */
  allFor(host: string): readonly TableEntry[] {
    const names = [host, ...namesAbove(host)].flatMap((name) => [name, `*.${name}`]);
    return names.flatMap((name) => [...(this.#hosts.get(name)?.values() ?? [])]);
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
