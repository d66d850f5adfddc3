/** From one table to the next in a worker. What cannot be compiled leaves the route as it was, and holds up no other. */
import type { TableEntry } from "../table.ts";
import type { RouteTable } from "./route-table.ts";

export interface TableStep {
  readonly table: RouteTable;
  /** Those that are in it. */
  readonly put: readonly TableEntry[];
  /** By uid: why the route is as it was before, or not there. */
  readonly refused: Readonly<Record<string, string>>;
}

export function stepTable(before: RouteTable, put: readonly TableEntry[], remove: readonly string[]): TableStep {
  try {
    return { table: before.with(put, remove), put, refused: {} };
  } catch {
    // One of them: each by itself says which. It costs more, and has been looked at by the daemon before it came.
    return oneByOne(before.with([], remove), put);
  }
}

function oneByOne(before: RouteTable, put: readonly TableEntry[]): TableStep {
  let table = before;
  const good: TableEntry[] = [];
  const refused: Record<string, string> = {};
  for (const entry of put) {
    try {
      table = table.with([entry], []);
      good.push(entry);
    } catch (error) {
      refused[entry.id] = error instanceof Error ? error.message : String(error);
    }
  }
  return { table, put: good, refused };
}
