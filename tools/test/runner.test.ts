/** Runs the runner on small planted checkouts and shows that each of its conditions can fail. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isOnPath } from "./debian.ts";
import { collectTestFiles, MINIMUM_FILES } from "./files.ts";
import { mountsBelow } from "./leftovers.ts";
import { type RunOptions, type RunResult, runTests } from "./run.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "skerry-runner-"));
  // Other tests make directories in the one that they share, which a run must not take for its own.
  process.env["TMPDIR"] = root;
});
after(() => rmSync(root, { recursive: true, force: true }));

async function run(text: string, options: Partial<RunOptions> = {}): Promise<RunResult> {
  const folder = mkdtempSync(join(root, "case-"));
  writeFileSync(join(folder, "planted.test.ts"), `import { test } from "node:test";\n${text}\n`);
  const limits = { limitMs: 60_000, fileLimitMs: 60_000 };
  const files = ["planted.test.ts"];
  return await runTests({ root: folder, files, tier: "quick", ci: false, quiet: true, ...limits, ...options });
}

describe("a run of tests", { concurrency: 2 }, () => {
  test("that pass has no troubles and is counted", async () => {
    const { troubles, counts, report } = await run('test("one", () => {});\ntest("two", () => {});');
    assert.deepEqual(troubles, []);
    assert.deepEqual([counts.tests, counts.passed, counts.failed], [2, 2, 0]);
    assert.match(report, /✔ one/);
  });

  test("sees a world of its own", async (t) => {
    process.env["SKERRY_TOKEN"] = "sky_of_the_user";
    t.after(() => delete process.env["SKERRY_TOKEN"]);
    const { troubles } = await run(
      `import { tmpdir } from "node:os";
       test("environment", () => {
         const { HOME, TMPDIR, SKERRY_CONFIG_DIR, SKERRY_TEST_TIER, SKERRY_TOKEN } = process.env;
         const inside = (path) => path.includes("/skerry-test-");
         if (![HOME, TMPDIR, SKERRY_CONFIG_DIR, tmpdir()].every(inside)) throw new Error(HOME);
         if (SKERRY_TEST_TIER !== "full" || SKERRY_TOKEN !== undefined) throw new Error("not its own");
       });`,
      { tier: "full" },
    );
    assert.deepEqual(troubles, []);
  });

  test("one of which fails", async () => {
    const { troubles, counts } = await run('test("one", () => { throw new Error("no"); });');
    assert.deepEqual(troubles, ["node --test ended with 1"]);
    assert.equal(counts.failed, 1);
  });

  test("one of which is skipped or left for later fails in CI only", async () => {
    const text =
      'test("one", { skip: "no KVM" }, () => {});\ntest("two", (t) => t.todo("later"));\ntest("three", () => {});';
    assert.deepEqual((await run(text)).troubles, []);
    const { troubles } = await run(text, { ci: true });
    assert.equal(troubles.length, 1);
    assert.match(troubles[0] ?? "", /one \(no KVM\)\n.*two \(todo later\)/);
  });

  test("one of which is left for later, and fails, is not taken for well in CI", async () => {
    const { troubles } = await run('test("one", { todo: "soon" }, () => { throw new Error("no"); });', { ci: true });
    assert.match(troubles.join(), /one \(todo soon\)/);
  });

  test("whose process ends before them, or that are none, fails", async () => {
    const middle = `import { setTimeout } from "node:timers/promises";
      test("first", () => setTimeout(200));
      test("second", async () => { await setTimeout(200); process.exit(0); });
      test("third", () => {});`;
    assert.match((await run(middle)).troubles.join(), /planted\.test\.ts ended in the middle of: second/);
    for (const text of ['test("one", () => {});\nprocess.exit(0);', 'if (!test) test("one", () => {});']) {
      assert.match((await run(text)).troubles.join(), /planted\.test\.ts ran no test/);
    }
    const empty = 'import { describe } from "node:test";\ndescribe("nothing", () => {});';
    assert.match((await run(empty)).troubles.join(), /no test/);
  });

  test("that hangs is stopped, and says where it was", async () => {
    const text = 'test("fine", () => {});\ntest("stuck", () => new Promise(() => setInterval(() => {}, 1000)));';
    const { troubles } = await run(text, { limitMs: 2000 });
    assert.equal(troubles.length, 1);
    assert.match(troubles[0] ?? "", /stopped after 2 s[\s\S]*planted\.test\.ts\n\s+stuck/);
  });

  test("that leaves files and processes behind fails, and they are gone", async () => {
    const pidFile = join(root, "pid");
    const { troubles } = await run(
      `import { spawn } from "node:child_process";
       import { mkdtempSync, writeFileSync } from "node:fs";
       test("messy", () => {
         mkdtempSync(process.env.TMPDIR + "/skerry-mess-");
         const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
         child.unref();
         writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
       });`,
    );
    assert.equal(troubles.length, 2);
    assert.match(troubles[0] ?? "", /TMPDIR:\n {2}skerry-mess-/);
    assert.match(troubles[1] ?? "", /processes[\s\S]*sleep 60/);
    const pid = readFileSync(pidFile, "utf8");
    const runs = () => existsSync(`/proc/${pid}/stat`) && /\) [SRD] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    // It was told to end; a busy machine takes a moment.
    for (const deadline = performance.now() + 10_000; runs(); await sleep(20)) assert.ok(performance.now() < deadline);
  });
});

// Alone: the directory is outside of every run.
test("a run that makes directories of ours outside TMPDIR fails in CI", async () => {
  const stray = join(tmpdir(), "skerry-stray-of-the-runner-test");
  const text = `import { mkdirSync } from "node:fs";\ntest("stray", () => mkdirSync(${JSON.stringify(stray)}));`;
  try {
    const { troubles } = await run(text, { ci: true });
    assert.match(troubles.join(), /outside TMPDIR:\n.*skerry-stray/);
  } finally {
    rmSync(stray, { recursive: true, force: true });
  }
});

test("mounts below the directory are seen, others are not", () => {
  const line = (path: string): string => `36 35 98:0 / ${path} rw,noatime shared:1 - tmpfs tmpfs rw`;
  const text = ["/", "/tmp", "/tmp/a", "/tmp/a/deep", "/tmp/ab/c"].map(line).join("\n");
  assert.deepEqual(mountsBelow("/tmp/a", text), ["/tmp/a/deep"]);
});

test("files: journeys first, every place of tests, none else", () => {
  const checkout = join(root, "checkout");
  const paths = [
    "packages/one/src/deep/a.test.ts",
    "packages/one/src/b.test.tsx",
    "packages/one/src/b.ts",
    "packages/one/bench/c.test.ts",
    "packages/two/journeys/z.test.ts",
    "packages/two/journeys/z.full.test.ts",
    "packages/two/node_modules/x/src/y.test.ts",
    "tools/some/d.test.ts",
  ];
  for (const path of paths) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), "");
  }
  const found = ["packages/two/journeys/z.test.ts", "packages/one/src/b.test.tsx", "packages/one/src/deep/a.test.ts"];
  assert.deepEqual(collectTestFiles(checkout, "quick"), [...found, "tools/some/d.test.ts"]);
  const all = ["packages/two/journeys/z.full.test.ts", ...found, "tools/some/d.test.ts"];
  assert.deepEqual(collectTestFiles(checkout, "full"), all);
  assert.deepEqual(collectTestFiles(checkout, "quick", ["deep", "some"]), [found[2], "tools/some/d.test.ts"]);
  assert.ok(collectTestFiles(resolve(import.meta.dirname, "../.."), "quick").length >= MINIMUM_FILES);
});

test("programs are found on PATH", () => {
  assert.ok(isOnPath("sh"));
  assert.ok(!isOnPath("no-such-program-of-ours"));
});
