import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { parseSource, readSources } from "./source.ts";
import { checkTidy, formatFinding } from "./tidy.ts";

const root = resolve(import.meta.dirname, "../..");

describe("the checkout is tidy", () => {
  const findings = checkTidy(root);
  for (const finding of findings.filter(({ warning }) => warning)) console.log(formatFinding(finding));
  for (const rule of ["layers", "world", "names", "sizes", "docs"]) {
    test(rule, () => {
      const broken = findings.filter((finding) => finding.rule === rule && !finding.warning).map(formatFinding);
      if (broken.length > 0) assert.fail(`${broken.length} findings\n${broken.join("\n")}`);
    });
  }
});

test("there is something to check", () => {
  assert.ok(readSources(root).length > 30);
});

test("imports are found in all their forms", () => {
  const { imports } = parseSource(
    "x.ts",
    `import a, { b as c, type D } from "./1.ts";
     import type { E } from "./2.ts";
     import "./3.ts";
     export * from "./4.ts";
     export { f } from "./5.ts";
     type G = import("./6.ts").G;
     await import("./7.ts");
     await import(\`./8.ts\`);
     await import(a + c);
     new Worker(new URL("./9.ts", import.meta.url));
     import.meta.resolve("./10.ts");`,
  );
  assert.deepEqual(
    imports.map(({ specifier, kind, typeOnly, line }) => [specifier, kind, typeOnly, line]),
    [
      ["./1.ts", "static", false, 1],
      ["./2.ts", "static", true, 2],
      ["./3.ts", "static", false, 3],
      ["./4.ts", "static", false, 4],
      ["./5.ts", "static", false, 5],
      ["./6.ts", "static", true, 6],
      ["./7.ts", "dynamic", false, 7],
      ["./8.ts", "dynamic", false, 8],
      [undefined, "dynamic", false, 9],
      ["./9.ts", "url", false, 10],
      ["./10.ts", "url", false, 11],
    ],
  );
  assert.deepEqual(imports[0]?.names, ["default", "b"]);
});
