/** The launchers, in a checkout whose Node only says how it was called. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

const PACKAGES = resolve(import.meta.dirname, "../..");
const PROGRAMS = [
  ["cli", "skerry"],
  ["daemon", "skerryd"],
] as const;

for (const [name, program] of PROGRAMS) {
  describe(program, () => {
    let root: string;
    beforeEach(() => {
      root = realpathSync(mkdtempSync(join(tmpdir(), "skerry-launcher-")));
      for (const folder of [
        `packages/${name}/bin`,
        `packages/${name}/src`,
        "node_modules/.bin",
        "node_modules/@skerry",
      ]) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      for (const arch of ["x64", "arm64"]) {
        const folder = join(root, `node_modules/node-linux-${arch}/bin`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "node"), '#!/bin/sh\nprintf "%s\\n" "$NODE_COMPILE_CACHE" "$@"\n', { mode: 0o755 });
      }
      copyFileSync(join(PACKAGES, name, "bin", program), join(root, `packages/${name}/bin`, program));
      writeFileSync(join(root, `packages/${name}/src/main.ts`), "");
      symlinkSync(`../../packages/${name}`, join(root, "node_modules/@skerry", name));
      symlinkSync(`../@skerry/${name}/bin/${program}`, join(root, "node_modules/.bin", program));
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    function run(path: string, env: Readonly<Record<string, string>> = {}) {
      const command = 'umask 0; exec "$@"';
      const { stdout, stderr, status } = spawnSync("sh", ["-c", command, "sh", path, "a b", "c"], {
        cwd: root,
        env: { PATH: "/usr/bin:/bin", HOME: join(root, "home"), ...env },
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      const [cache = "", ...argv] = stdout.trimEnd().split("\n");
      return { cache, argv: argv.slice(argv.indexOf("--conditions=source") + 1) };
    }

    test("finds its package through whatever link it was called", () => {
      symlinkSync(join(root, "node_modules/.bin", program), join(root, "link"));
      const wanted = [join(root, `packages/${name}/src/main.ts`), "a b", "c"];
      for (const path of [
        `node_modules/.bin/${program}`,
        join(root, `node_modules/.bin/${program}`),
        join(root, "link"),
      ]) {
        assert.deepEqual(run(path).argv, wanted, path);
      }
      assert.deepEqual(run(join(root, `packages/${name}/bin/${program}`)).argv, wanted);
    });

    test("keeps what it has compiled where nobody else can write", () => {
      const { cache } = run(`node_modules/.bin/${program}`);
      assert.equal(cache, join(root, "node_modules/.cache/skerry"));
      assert.equal(statSync(cache).mode & 0o777, 0o700);
    });

    test("who may not write to the checkout has a cache of his own", () => {
      writeFileSync(join(root, "node_modules/.cache"), "in the way");
      const { cache } = run(`node_modules/.bin/${program}`);
      assert.equal(cache, join(root, "home/.cache/skerry"));
      assert.equal(statSync(cache).mode & 0o777, 0o700);
      const elsewhere = join(root, "elsewhere");
      assert.equal(run(`node_modules/.bin/${program}`, { XDG_CACHE_HOME: elsewhere }).cache, join(elsewhere, "skerry"));
    });

    test("a cache that was chosen is taken", () => {
      assert.equal(run(`node_modules/.bin/${program}`, { NODE_COMPILE_CACHE: "/chosen" }).cache, "/chosen");
    });
  });
}
