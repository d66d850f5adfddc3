/** What is different in the routing table from before, as the workers are told. */
import type { ListChange } from "./guard/live-lists.ts";
import type { L4Entry } from "./l4/entry.ts";
import type { TableEntry } from "./table.ts";

export interface TableChange extends Partial<ListChange> {
  readonly put: readonly TableEntry[];
  /** Below HTTP. */
  readonly putL4: readonly L4Entry[];
  /** Ids. */
  readonly remove: readonly string[];
  /** Host names whose certificates are others from now on. */
  readonly forget?: readonly string[];
}

/** Several that came one after another as one: of each thing what is said last. Undefined: nothing is said. */
export function mergeChanges(parts: readonly Partial<TableChange>[]): TableChange | undefined {
  const put = new Map<string, TableEntry>();
  const putL4 = new Map<string, L4Entry>();
  const remove = new Set<string>();
  const putLists = new Map<string, NonNullable<TableChange["putLists"]>[number]>();
  const removeLists = new Set<string>();
  const forget = new Set<string>();
  for (const part of parts) {
    for (const id of part.remove ?? []) {
      put.delete(id);
      putL4.delete(id);
      remove.add(id);
    }
    for (const entry of part.put ?? []) put.set(entry.id, entry);
    for (const entry of part.putL4 ?? []) putL4.set(entry.id, entry);
    for (const id of part.removeLists ?? []) {
      putLists.delete(id);
      removeLists.add(id);
    }
    for (const list of part.putLists ?? []) {
      removeLists.delete(list.id);
      putLists.set(list.id, list);
    }
    for (const host of part.forget ?? []) forget.add(host);
  }
  for (const id of [...put.keys(), ...putL4.keys()]) remove.delete(id);
  const sets = [put, putL4, remove, putLists, removeLists, forget];
  if (sets.every(({ size }) => size === 0)) return undefined;
  return {
    put: [...put.values()],
    putL4: [...putL4.values()],
    remove: [...remove],
    ...(putLists.size === 0 ? {} : { putLists: [...putLists.values()] }),
    ...(removeLists.size === 0 ? {} : { removeLists: [...removeLists] }),
    ...(forget.size === 0 ? {} : { forget: [...forget] }),
  };
}
