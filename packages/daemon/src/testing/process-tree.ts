/** What a process and all that it has started weigh. */
import { readdir, readFile } from "node:fs/promises";

export interface Weight {
  readonly pid: number;
  /** Each shared page counted in parts. */
  readonly pssMb: number;
  /** Pages that nobody else has. */
  readonly privateMb: number;
}

/** The process itself first. One that ends meanwhile is left out. */
export async function weighTree(pid: number): Promise<readonly Weight[]> {
  const parents = new Map<number, number>();
  for (const name of (await readdir("/proc")).filter((one) => /^\d+$/.test(one))) {
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const isOurs = (one: number | undefined): boolean => one !== undefined && (one === pid || isOurs(parents.get(one)));
  const children = [...parents.keys()].filter((one) => one !== pid && isOurs(one));
  const weights = await Promise.all([pid, ...children].map(weigh));
  return weights.filter((weight) => weight !== undefined);
}

async function weigh(pid: number): Promise<Weight | undefined> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const megabytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024;
  return { pid, pssMb: megabytes("Pss"), privateMb: megabytes("Private_Clean") + megabytes("Private_Dirty") };
}
