import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "node:test";
import { copyCheckout, type Mutant, mutantTroubles, readMutants, tryMutant } from "./mutant.ts";

const root = resolve(import.meta.dirname, "../..");

describe("each checked-in mutant still fits the sources", () => {
  const mutants = readMutants(root);
  for (const mutant of mutants) {
    test(mutant.name, () => assert.deepEqual(mutantTroubles(root, mutant), []));
  }
  test("names are unique", () => {
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
    assert.ok(mutants.length > 0);
  });
});

test("a mutant is caught, survives or is stale, and the checkout stays as it is", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-mutants-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [checkout, copy] = [join(folder, "checkout"), join(folder, "copy")];
  const files = {
    ".gitignore": "node_modules/",
    "packages/sum/package.json": '{ "name": "@skerry/sum", "type": "module", "exports": { "./*.ts": "./src/*.ts" } }',
    "packages/sum/src/sum.ts": "export const sum = (a: number, b: number): number => a + b + 0;\n",
    "packages/sum/src/sum.test.ts": `
      import assert from "node:assert/strict";
      import { describe, test } from "node:test";
      import { sum } from "@skerry/sum/sum.ts";
      describe("sum", () => {
        test("adds", () => assert.equal(sum(1, 2), 3));
        test("is red always", () => assert.fail());
      });`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  }
  mkdirSync(join(checkout, "node_modules/@skerry"), { recursive: true });
  execFileSync("ln", ["-s", "../../packages/sum", join(checkout, "node_modules/@skerry/sum")]);
  execFileSync("git", ["init", "-q"], { cwd: checkout });
  copyCheckout(checkout, copy);

  const file = "packages/sum/src/sum.ts";
  const base = { name: "m", promise: "p", file, test: { file: "packages/sum/src/sum.test.ts", name: "adds" } };
  const trial = (change: Pick<Mutant, "find" | "replace"> & Partial<Mutant>) =>
    tryMutant(copy, { ...base, ...change }, 60_000);

  assert.deepEqual(await trial({ find: "a + b", replace: "a - b" }), { verdict: "caught", detail: "" });
  assert.equal((await trial({ find: "+ 0", replace: "- 0" })).verdict, "survived");
  assert.match((await trial({ find: "number", replace: "string" })).detail, /occurs 3 times/);
  assert.match((await trial({ find: "a + b", replace: "a )(" })).detail, /something else turned red/);
  const red = { ...base.test, name: "is red always" };
  assert.match((await trial({ find: "a + b", replace: "a - b", test: red })).detail, /not green without it/);
  const none = { ...base.test, name: "multiplies" };
  assert.match((await trial({ find: "a + b", replace: "a - b", test: none })).detail, /has no test "multiplies"/);
  for (const place of [checkout, copy]) assert.equal(readFileSync(join(place, file), "utf8"), files[file]);
});
