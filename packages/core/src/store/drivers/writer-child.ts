/** A process that writes to a store until it is killed, and how tests start it and look at what it left. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../domain/ports.ts";
import type { Store } from "../../domain/store.ts";
import { always, put } from "../contract-site.ts";
import { openNedbStore } from "./nedb/nedb.ts";
import { openSqliteStore } from "./sqlite/sqlite.ts";

export const DRIVERS = ["nedb", "sqlite"] as const;
export type DriverName = (typeof DRIVERS)[number];

/** No lease is used here, so nobody asks for the time. */
const STILL_CLOCK: Clock = { wallMs: () => 0, monotonicMs: () => 0, sleep: () => new Promise(() => undefined) };

export function openStore(driver: DriverName, path: string, keepRevisions?: number): Promise<Store> {
  const options = {
    path,
    clock: STILL_CLOCK,
    random: { bytes: (count: number) => randomBytes(count), fraction: () => 0.5 },
    ...(keepRevisions === undefined ? {} : { keepRevisions }),
  };
  return driver === "nedb" ? openNedbStore(options) : openSqliteStore(options);
}

export interface WriterOptions {
  readonly driver: DriverName;
  readonly path: string;
  /** Number of the first write. */
  readonly first: number;
  /** Writes in all; 0 = until killed. */
  readonly count: number;
  /** Writes at once. */
  readonly writers: number;
  readonly keepRevisions: number;
  /** Bytes of each value. */
  readonly valueBytes: number;
}

/** Runs it, `before` being a command that runs another (`strace`, `prlimit`). */
export function spawnWriter(options: WriterOptions, before: readonly string[] = []): ChildProcess {
  const command = [
    ...before,
    process.execPath,
    "--conditions=source",
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(import.meta.url),
    JSON.stringify(options),
  ];
  // One thread for the file system, so that a trace can count its calls.
  const env = { ...process.env, ...(before.length > 0 ? { UV_THREADPOOL_SIZE: "1" } : {}) };
  return spawn(command[0] as string, command.slice(1), { stdio: ["ignore", "pipe", "pipe"], env });
}

export interface WriterReport {
  /** Numbers of the acknowledged writes, in the order of their answers. */
  readonly acknowledged: readonly number[];
  /** Lines that begin with something else, e.g. `failed ...`. */
  readonly said: readonly string[];
  readonly errors: string;
  readonly status: number | null;
}

/** Everything that it wrote until it ended. A last line that was cut counts as not written. */
export async function reportOf(child: ChildProcess): Promise<WriterReport> {
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const lines = output.split("\n").slice(0, -1);
  return {
    acknowledged: lines.filter((line) => /^\d+$/.test(line)).map(Number),
    said: lines.filter((line) => !/^\d+$/.test(line)),
    errors,
    status,
  };
}

/** Fails when an acknowledged write is missing or different. */
export async function assertAllThere(store: Store, acknowledged: Iterable<number>, valueBytes: number): Promise<void> {
  for (const number of acknowledged) {
    const entry = await store.get(writtenKey(number));
    assert.deepEqual(entry?.value, writtenValue(number, valueBytes), `write ${number} was acknowledged`);
  }
}

const writtenKey = (number: number): string => `/written/${number}`;
const writtenValue = (number: number, valueBytes: number) => ({ number, filler: "x".repeat(valueBytes) });

async function main(options: WriterOptions): Promise<void> {
  const say = (line: string): void => {
    writeSync(1, `${line}\n`);
  };
  const store = await openStore(options.driver, options.path, options.keepRevisions);
  say("opened");
  let next = options.first;
  const end = options.count === 0 ? Number.POSITIVE_INFINITY : options.first + options.count;
  const write = async (): Promise<void> => {
    while (next < end) {
      const number = next++;
      await store.transact(always(put(writtenKey(number), writtenValue(number, options.valueBytes))));
      say(String(number));
    }
  };
  const results = await Promise.allSettled(Array.from({ length: options.writers }, write));
  for (const result of results) {
    if (result.status === "rejected") say(`failed ${result.reason.code}/${result.reason.reason}`);
  }
  // Reads go on after a failure.
  const seen = await store.list({ prefix: "/written/", limit: 1 });
  say(`readable ${seen.entries.length} ${store.revision}`);
  await store[Symbol.asyncDispose]();
}

if (import.meta.main) await main(JSON.parse(process.argv[2] as string) as WriterOptions);
