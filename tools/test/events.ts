/** A reporter of node:test that writes what the runner wants to know, one JSON object a line. */
import { readFileSync } from "node:fs";

interface TestEvent {
  readonly type: string;
  readonly data?: {
    readonly name?: string;
    readonly file?: string;
    readonly entryFile?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly counts?: Counts;
    readonly duration_ms?: number;
    readonly type?: "suite" | "test";
  };
}

export interface Counts {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

type Line =
  | { readonly is: "opened"; readonly file: string }
  | { readonly is: "closed"; readonly file: string }
  | { readonly is: "began"; readonly file: string; readonly name: string; readonly suite: boolean }
  | { readonly is: "ended"; readonly file: string; readonly name: string }
  | { readonly is: "failed"; readonly file: string; readonly name: string }
  | { readonly is: "skipped"; readonly file: string; readonly name: string; readonly why: string }
  | { readonly is: "summary"; readonly counts: Counts; readonly durationMs: number };

/** @public Loaded by node:test as a reporter, by its path. */
export default async function* events(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    for (const line of linesOf(event)) yield `${JSON.stringify(line)}\n`;
  }
}

function linesOf({ type, data = {} }: TestEvent): Line[] {
  const { name = "", file = "", entryFile } = data;
  // The test that stands for a whole file comes from the runner itself and has no entry file.
  const whole = entryFile === undefined;
  if (type === "test:dequeue")
    return [whole ? { is: "opened", file } : { is: "began", file: entryFile, name, suite: data.type === "suite" }];
  if (type === "test:complete") return [whole ? { is: "closed", file } : { is: "ended", file: entryFile, name }];
  const ended = type === "test:pass" || type === "test:fail";
  // node:test lets a test that is left for later fail.
  if (ended && (data.skip !== undefined || data.todo !== undefined)) {
    return [{ is: "skipped", file, name, why: `${data.skip ?? `todo ${data.todo}`}` }];
  }
  if (type === "test:fail") return [{ is: "failed", file, name }];
  if (type === "test:summary" && data.file === undefined && data.counts) {
    return [{ is: "summary", counts: data.counts, durationMs: data.duration_ms ?? 0 }];
  }
  return [];
}

export interface Account {
  /** Absent when the run did not come to its end. */
  readonly counts: Counts | undefined;
  readonly durationMs: number;
  readonly skipped: readonly string[];
  /** Names of tests and suites that failed or were cancelled. */
  readonly failed: readonly string[];
  /** Files that were running when it ended, each with its tests that were. */
  readonly open: readonly string[];
  /** What node:test takes for well: files that ended before a test of theirs did, or without any. */
  readonly lost: readonly string[];
}

export function readAccount(path: string): Account {
  let counts: Counts | undefined;
  let durationMs = 0;
  const skipped: string[] = [];
  const failed: string[] = [];
  const open = new Map<string, string[]>();
  const tested = new Set<string>();
  const lost: string[] = [];
  for (const text of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
    const line = JSON.parse(text) as Line;
    if (line.is === "opened") open.set(line.file, []);
    else if (line.is === "closed") {
      const [unfinished] = open.get(line.file) ?? [];
      if (unfinished !== undefined) lost.push(`${line.file} ended in the middle of: ${unfinished}`);
      if (!tested.has(line.file)) lost.push(`${line.file} ran no test`);
      open.delete(line.file);
    } else if (line.is === "began") {
      if (!line.suite) tested.add(line.file);
      open.get(line.file)?.push(line.name);
    } else if (line.is === "ended") removeOne(open.get(line.file), line.name);
    else if (line.is === "failed") failed.push(line.name);
    else if (line.is === "skipped") skipped.push(`${line.file}: ${line.name} (${line.why})`);
    else ({ counts, durationMs } = line);
  }
  return {
    counts,
    durationMs,
    skipped,
    failed,
    lost,
    open: [...open].map(([file, names]) => [file, ...names].join("\n    ")),
  };
}

function removeOne(names: string[] | undefined, name: string): void {
  const index = names?.indexOf(name) ?? -1;
  if (index >= 0) names?.splice(index, 1);
}
