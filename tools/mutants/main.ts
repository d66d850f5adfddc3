/**
 * `npm run test:mutants [-- NAME ...]`: turns each checked-in mutant on, one after another, in a copy of the checkout, and
 * shows the test that goes red. Exits 1 when one survives or has gone stale.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { copyCheckout, readMutants, tryMutant } from "./mutant.ts";

const LIMIT_MS = 180_000;
const root = resolve(import.meta.dirname, "../..");

async function main(names: readonly string[]): Promise<boolean> {
  const all = readMutants(root);
  const unknown = names.filter((name) => !all.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    console.error(`no mutant ${unknown.join(", ")}; there are:\n  ${all.map(({ name }) => name).join("\n  ")}`);
    return false;
  }
  const mutants = all.filter(({ name }) => names.length === 0 || names.includes(name));
  const copy = mkdtempSync(join(realpathSync(tmpdir()), "skerry-test-mutants-"));
  const remove = (): void => rmSync(copy, { recursive: true, force: true });
  process.once("exit", remove);
  copyCheckout(root, copy);
  const width = Math.max(...mutants.map(({ name }) => name.length));
  let caught = 0;
  for (const mutant of mutants) {
    const startedMs = performance.now();
    const { verdict, detail } = await tryMutant(copy, mutant, LIMIT_MS);
    if (verdict === "caught") caught += 1;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${verdict.padEnd(8)} ${seconds.padStart(5)} s  ${mutant.name.padEnd(width)}  ${mutant.promise}`);
    console.log(`${" ".repeat(width + 20)}${mutant.test.file}: ${mutant.test.name}`);
    if (detail !== "") console.log(`${" ".repeat(width + 20)}${detail}`);
  }
  console.log(`${caught} of ${mutants.length} mutants caught`);
  return caught === mutants.length;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
