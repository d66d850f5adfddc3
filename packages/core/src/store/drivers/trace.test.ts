/** What the kernel saw: the answer leaves only after the log was written and synced. And a kernel that answers EIO. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assertAllThere, DRIVERS, openStore, reportOf, spawnWriter } from "./writer-child.ts";

const WRITES = 12;
const CALLS = "write,pwrite64,writev,pwritev,fdatasync,fsync,rename";

const STDOUT = "stdout";

type Call = { readonly name: string; readonly file: string; readonly text: string };

/** The calls of all threads in the order in which they ended; a write to stdout counts when it begins. */
function callsOf(trace: string): Call[] {
  const unfinished = new Map<string, Call>();
  const calls: Call[] = [];
  for (const line of trace.split("\n")) {
    const found = /^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\((?:(\d+)<([^>]*)>|"([^"]*)", "([^"]*)")?)(.*)$/.exec(line);
    if (!found) continue;
    const [, thread = "", resumed, name = "", descriptor, path = "", , renamedTo, text = ""] = found;
    if (resumed !== undefined) {
      const call = unfinished.get(thread);
      if (call && / = \d+$/.test(line)) calls.push(call);
      continue;
    }
    const call = { name, file: descriptor === "1" ? STDOUT : (renamedTo ?? path), text };
    if (call.file === STDOUT) calls.push(call);
    else if (line.includes("<unfinished ...>")) unfinished.set(thread, call);
    else if (/ = \d+$/.test(line)) calls.push(call);
  }
  return calls;
}

for (const driver of DRIVERS) {
  describe(driver, () => {
    test("each answer leaves after its record was written and synced", async (t) => {
      const directory = await mkdtemp(join(tmpdir(), "skerry-trace-"));
      t.after(() => rm(directory, { recursive: true, force: true }));
      const path = join(directory, "store.db");
      const trace = join(directory, "trace");
      const options = { driver, path, first: 0, count: WRITES, writers: 1, keepRevisions: 1000, valueBytes: 10 };
      const report = await reportOf(
        spawnWriter(options, ["strace", "-f", "-y", "-s", "64", "-e", `trace=${CALLS}`, "-o", trace]),
      );
      assert.equal(report.acknowledged.length, WRITES, `strace must be installed: ${report.errors}`);
      const log = driver === "nedb" ? path : `${path}-wal`;
      const calls = callsOf(await readFile(trace, "utf8"));
      let written = 0;
      let unsynced = 0;
      let answers = 0;
      for (const { name, file, text } of calls) {
        if (file === log && /write/.test(name)) {
          written++;
          unsynced++;
        } else if (file === log && /sync/.test(name)) unsynced = 0;
        else if (file === STDOUT && /^, "\d+\\n"/.test(text)) {
          answers++;
          assert.ok(written > 0, `answer ${answers} left without a write to ${log}`);
          assert.equal(unsynced, 0, `answer ${answers} left before ${log} was synced`);
          written = 0;
        }
      }
      assert.equal(answers, WRITES);
      const directorySyncs = calls.filter((call) => call.file === directory && call.name === "fsync").length;
      assert.ok(directorySyncs > 0, "the new file's name was synced");
      for (const suffix of ["", ".mark"]) assert.equal((await stat(path + suffix)).mode & 0o777, 0o600);
    });
  });

  // Making the store takes the first calls.
  for (const [place, call, first] of [
    driver === "nedb" ? ["a write", "write", 9] : ["a write", "pwrite64", 40],
    driver === "nedb" ? ["a sync", "fdatasync", 9] : ["a sync", "fsync", 12],
  ] as const) {
    test(`${driver}: EIO in ${place} of the log closes the store, and what was acknowledged is there`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), "skerry-eio-"));
      t.after(() => rm(directory, { recursive: true, force: true }));
      const path = join(directory, "store.db");
      const log = driver === "nedb" ? path : `${path}-wal`;
      const options = { driver, path, first: 0, count: 0, writers: 4, keepRevisions: 1000, valueBytes: 10 };
      const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=EIO:when=${first}+`, "-P", log];
      const report = await reportOf(spawnWriter(options, ["strace", "-f", "-o", "/dev/null", ...inject]));
      assert.ok(report.said.includes("failed unavailable/closed"), `strace must be installed: ${report.errors}`);
      assert.ok(report.acknowledged.length > 0);
      await using store = await openStore(driver, path);
      await assertAllThere(store, report.acknowledged, 10);
      assert.equal(
        (await store.list({ prefix: "" })).entries.length,
        store.revision,
        "each of the others is whole or absent",
      );
      t.diagnostic(`${report.acknowledged.length} acknowledged, ${store.revision} there`);
    });
  }
}
