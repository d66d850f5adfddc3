/** Plants bad files in a small copy of the workspace and shows that each rule fires on each of them, and on nothing else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { CYCLES, DETOURS, layerFiles, type Planted, PROMISES, SHAPES, WORLD } from "./canary-files.ts";
import { packageNames } from "./source.ts";
import { checkTidy } from "./tidy.ts";

const root = resolve(import.meta.dirname, "../..");
const CORE = "packages/core/src";

let copy = "";
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), "skerry-canary-"));
  const packages = packageNames(root).flatMap((name) =>
    ["package.json", "tsconfig.json"].map((file) => `packages/${name}/${file}`),
  );
  const files = ["biome.json", ".oxlintrc.json", "package.json", "tsconfig.base.json", "docs/errors.md", ...packages];
  for (const file of files.filter((one) => existsSync(join(root, one)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  const biome = JSON.parse(readFileSync(join(copy, "biome.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(copy, "biome.json"), JSON.stringify({ ...biome, vcs: { enabled: false } }));
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
});
afterEach(() => rmSync(copy, { recursive: true, force: true }));

function plant(files: readonly { path: string; text: string }[]): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
}

/** The JSON report of a linter: it exits 1 when it finds something. */
function report(program: string, ...parameters: string[]): { diagnostics: Record<string, unknown>[] } {
  const path = join(root, "node_modules/.bin", program);
  const result = spawnSync(path, parameters, { cwd: copy, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (result.error) throw result.error;
  assert.match(result.stdout, /^\{/, `${program} gave no report: ${result.stdout}${result.stderr}`);
  return JSON.parse(result.stdout) as { diagnostics: Record<string, unknown>[] };
}

/** Files on which Biome's `rule` fires. */
function biome(rule: string): string[] {
  return report("biome", "lint", "--reporter=json", "--max-diagnostics=none", ".")
    .diagnostics.filter(({ category }) => `${category}`.endsWith(`/${rule}`))
    .map(({ location }) => (location as { path: string }).path);
}

/** Files on which the tidy test's `rule` fires. */
function tidy(rule: string): string[] {
  return checkTidy(copy, [])
    .filter((finding) => finding.rule === rule && !finding.warning)
    .map(({ path }) => path);
}

/** The rule fired on all bad files, and on no other of the planted ones. */
function assertFired(fired: readonly string[], planted: readonly Planted[]): void {
  const expected = planted.filter(({ bad }) => bad).map(({ path }) => path);
  const paths = new Set(planted.map(({ path }) => path));
  const clean = (path: string): string => path.replace(/(common)\/$/, "$1/x.ts");
  const actual = new Set(fired.map(clean).filter((path) => paths.has(path)));
  assert.deepEqual([...actual].sort(), expected.sort());
  assert.ok(expected.length > 0);
}

test("every layer: Biome and the tidy test refuse what the table forbids and take what it allows", (t) => {
  const files = layerFiles();
  plant(files);
  assertFired(biome("noRestrictedImports"), files);
  assertFired(tidy("layers"), files);
  t.diagnostic(
    `${files.filter(({ bad }) => bad).length} forbidden and ${files.filter(({ bad }) => !bad).length} allowed files`,
  );
});

test("detours around the layers: the tidy test resolves them", () => {
  plant([...layerFiles(), ...DETOURS, { path: `${CORE}/domain/some.test.ts`, text: "" }]);
  assertFired(tidy("layers"), DETOURS);
});

test("import cycles, of types too", () => {
  plant(CYCLES);
  assertFired(biome("noImportCycles"), CYCLES);
});

test("promises that nobody awaits", (t) => {
  plant([...PROMISES, { path: "tsconfig.json", text: '{ "files": [], "references": [{ "path": "packages/core" }] }' }]);
  const { diagnostics } = report("oxlint", "--type-aware", "--format=json", "packages");
  assertFired(
    diagnostics.map(({ filename }) => `${filename}`),
    PROMISES,
  );
  t.diagnostic(
    `${PROMISES.filter(({ bad }) => bad).length} of ${PROMISES.filter(({ bad }) => bad).length} planted cases`,
  );
});

test("clock, random, disk and network in core", (t) => {
  plant(WORLD);
  assertFired(tidy("world"), WORLD);
  t.diagnostic(`${WORLD.filter(({ bad }) => bad).length} planted cases`);
});

test("the same in platform/, testing/ and tests is no fault", () => {
  const bad = WORLD.filter((file) => file.bad);
  plant(
    ["platform", "testing"].flatMap((folder) =>
      bad.map((file) => ({ ...file, path: file.path.replace("storage", folder) })),
    ),
  );
  plant(bad.map((file) => ({ ...file, path: file.path.replace(".ts", ".test.ts") })));
  assert.deepEqual(tidy("world"), []);
});

test("a driver may use what its row names, and a row that is not used is refused", () => {
  plant([
    { path: `${CORE}/store/drivers/x.ts`, text: 'export { open } from "node:fs";\nexport const t = Date.now();\n' },
  ]);
  const row = { path: `${CORE}/store/drivers/`, reason: "canary" };
  const messages = (may: string[]): string[] =>
    checkTidy(copy, [{ ...row, may }]).flatMap(({ rule, message }) => (rule === "world" ? [message] : []));
  assert.deepEqual(messages(["node:fs", "Date.now"]), []);
  assert.match(messages(["node:fs"]).join(), /^Date\.now is the clock/);
  assert.match(messages(["node:fs", "Date.now", "node:net"]).join(), /^does not use node:net/);
});

test("names that say nothing, long files, long functions", () => {
  plant(SHAPES);
  assertFired([...tidy("names"), ...tidy("sizes")], SHAPES);
});

test("extensions, undeclared packages, node: without its protocol", () => {
  const one = (name: string, text: string): Planted => ({ path: `${CORE}/jobs/${name}.ts`, text, bad: true });
  const extension = one("extension", 'export * from "./line-b";\n');
  const undeclared = one("undeclared", 'export * from "left-pad";\n');
  const protocol = one("protocol", 'export * from "path";\n');
  plant([extension, undeclared, protocol, ...CYCLES]);
  assertFired(biome("useImportExtensions"), [extension]);
  assertFired(biome("noUndeclaredDependencies"), [undeclared]);
  assertFired(biome("useNodejsImportProtocol"), [protocol]);
});

test("undocumented folders, errors and limits", () => {
  const messages = (): string =>
    checkTidy(copy, [])
      .flatMap(({ rule, message }) => (rule === "docs" ? [message] : []))
      .join("\n");
  plant([
    { path: `${CORE}/auth/x.ts`, text: "" },
    { path: `${CORE}/store/drivers/nedb/x.ts`, text: "" },
    { path: `${CORE}/jobs/x.ts`, text: "" },
    {
      path: "ARCHITECTURE.md",
      text: "- `core/src/auth`: who may do what\n- `packages/core/src/store/**`: the store\n- `core/src/jobs`\n",
    },
    {
      path: `${CORE}/domain/limits.ts`,
      text: "export const LIMITS = {\n  a: {\n    /** Told. */\n    told: 1,\n    untold: 2,\n  },\n} as const;\n",
    },
    {
      path: "docs/errors.md",
      text: readFileSync(join(root, "docs/errors.md"), "utf8")
        .replace(/(`not_found` \| )404/, "$1403")
        .replace(/^\| `conflict\/exists.*\n/m, ""),
    },
  ]);
  const text = messages();
  assert.doesNotMatch(text, /core\/src\/auth`/);
  assert.match(text, /what `packages\/core\/src\/jobs` is for/);
  assert.doesNotMatch(text, /src\/store|drivers/);
  assert.match(text, /a\.untold needs a doc comment/);
  assert.doesNotMatch(text, /a\.told needs/);
  assert.match(text, /not_found has status 404, not 403/);
  assert.match(text, /conflict\/exists is missing/);
});
