/** What the kernel saw of the index, and a kernel that answers EIO. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CLUSTER, makeSite, type Site } from "./site.ts";

const BATCHES = 12;
const ANSWER = "answer";

/** Runs the writer with one client under strace; what it said, line by line. */
function trace(site: Site, ...options: string[]): string[] {
  const lines = traceChild(site, options, "writer-child.ts", site.path("index"), "traced", "1", String(BATCHES));
  assert.ok(lines.length > 3, lines.join(", "));
  return lines;
}

function traceChild(site: Site, options: readonly string[], script: string, ...args: string[]): string[] {
  const program = [process.execPath, "--conditions=source", join(import.meta.dirname, script), ...args];
  const output = ["-f", "-y", "-o", site.path("trace")];
  const { stdout, stderr, error } = spawnSync("strace", [...output, ...options, ...program], { encoding: "utf8" });
  assert.equal(error, undefined, "strace must be installed");
  assert.ok(stdout !== "", stderr);
  return stdout.trim().split("\n");
}

/** The calls that succeeded, in the order in which they ended: `fsync index.sqlite-wal`. */
function callsOf(text: string): string[] {
  const begun = new Map<string, string>();
  const calls: string[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", name, file = ""] = /^(\d+) +(\w+)\(\d+<(?:[^>]*\/)?([^>/]+)>/.exec(line) ?? [];
    const [, resumed = ""] = /^(\d+) +<\.\.\. \w+ resumed>/.exec(line) ?? [];
    const call = /^\d+ +write\(1</.test(line) ? ANSWER : `${name} ${file}`;
    // An answer counts from when it begins to leave.
    if (name !== undefined && (call === ANSWER || / = \d+$/.test(line))) calls.push(call);
    else if (name !== undefined) begun.set(thread, call);
    else if (/ = \d+$/.test(line) && begun.get(resumed) !== ANSWER) calls.push(begun.get(resumed) ?? "");
  }
  return calls;
}

describe("the object index, as the kernel sees it", () => {
  test("each answer leaves after its commit was written and synced, and after the mark", (t) => {
    const site = makeSite(t);
    const lines = trace(site, "-e", "trace=write,pwrite64,fsync,fdatasync");
    assert.equal(lines.length, BATCHES);
    const calls = callsOf(readFileSync(site.path("trace"), "utf8"));
    let since: string[] = [];
    let answers = 0;
    for (const call of calls) {
      if (call !== ANSWER) {
        since.push(call);
        continue;
      }
      answers += 1;
      const written = since.lastIndexOf("pwrite64 index.sqlite-wal");
      const synced = Math.max(
        since.lastIndexOf("fsync index.sqlite-wal"),
        since.lastIndexOf("fdatasync index.sqlite-wal"),
      );
      const marked = since.lastIndexOf("pwrite64 index.mark");
      assert.ok(
        written >= 0 && synced > written && marked > synced,
        `answer ${answers} came after ${since.join(", ")}`,
      );
      since = [];
    }
    assert.equal(answers, BATCHES);
  });

  for (const call of ["pwrite64", "fsync,fdatasync"])
    test(`EIO of ${call} closes the index until a restart, and what was acknowledged is there`, async (t) => {
      const site = makeSite(t);
      const when = call === "pwrite64" ? 150 : 9;
      const only = ["-P", site.path("index/index.sqlite-wal")];
      const lines = trace(site, ...only, "-e", `inject=${call}:error=EIO:when=${when}`);
      const acknowledged = lines.filter((line) => /^0 \d+$/.test(line)).length;
      assert.ok(acknowledged > 0 && acknowledged < BATCHES, lines.join(", "));
      assert.deepEqual(
        lines.slice(acknowledged),
        Array.from({ length: 4 }, () => "0 unavailable/closed"),
      );
      const index = await site.open({ directory: site.path("index"), cluster: CLUSTER });
      const { objects } = await index.list({ bucket: "b", prefix: "traced/0/" });
      const keys = objects.map((object) => object.key);
      for (let number = 1; number <= acknowledged; number += 1)
        for (const part of ["x", "y", "z"]) assert.ok(keys.includes(`traced/0/${number}-${part}`), `${number}-${part}`);
      assert.equal(keys.length % 3, 1, "no half of a batch");
    });

  test("a batch that is refused because the log's index cannot grow is not there after a kill", async (t) => {
    const site = makeSite(t);
    const only = ["-P", site.path("index.sqlite-shm")];
    // The first 32 KiB are 8 writes; the commit that needs more has synced all its frames by then.
    const inject = ["-e", "inject=pwrite64:error=ENOSPC:when=9+"];
    const [said = ""] = traceChild(site, [...only, ...inject], "full-child.ts", site.path("index.sqlite"));
    const [refused, id] = said.split(" ");
    assert.equal(id, "exhausted/disk");
    const index = await site.open();
    assert.equal(await index.get("b", refused as string), undefined);
    assert.equal((await index.totals()).objects, Number(refused));
  });
});
