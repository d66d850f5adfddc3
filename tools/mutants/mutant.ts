/** Mutants: small changes of the sources that break a promise, each with the test that must notice. */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type RunResult, runTests } from "../test/run.ts";

export interface Mutant {
  readonly name: string;
  /** What the product promises and the mutant breaks, in one line. */
  readonly promise: string;
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test that must turn red, by its file and its own name (without those of its suites). */
  readonly test: { readonly file: string; readonly name: string };
}

export type Verdict = "caught" | "survived" | "broken";

export interface Trial {
  readonly verdict: Verdict;
  /** Why it is broken, or what the run said. */
  readonly detail: string;
}

export function readMutants(root: string): Mutant[] {
  return JSON.parse(readFileSync(join(root, "fixtures/mutants.json"), "utf8")) as Mutant[];
}

/** What makes the entry useless, without running it. */
export function mutantTroubles(root: string, { file, find, replace, test }: Mutant): string[] {
  const read = (path: string): string | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined;
  const occurrences = (read(file)?.split(find).length ?? 1) - 1;
  return [
    occurrences === 1 ? "" : `its text to find occurs ${occurrences} times in ${file}`,
    find === replace ? "it changes nothing" : "",
    read(test.file)?.includes(test.name) ? "" : `${test.file} has no test "${test.name}"`,
  ].filter((trouble) => trouble !== "");
}

/**
 * Copies what git knows or would add, so that the mutant never touches the checkout. Packages stay where they are, by
 * links; our own workspaces are linked to the copy, else the tests would run the original sources.
 */
export function copyCheckout(root: string, copy: string): void {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const path of listed.toString().split("\0")) {
    if (path === "" || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(root, path), join(copy, path));
  }
  linkModules(root, copy, "node_modules");
  for (const name of existsSync(join(root, "packages")) ? readdirSync(join(root, "packages")) : []) {
    linkModules(root, copy, `packages/${name}/node_modules`);
  }
}

function linkModules(root: string, copy: string, folder: string): void {
  if (!existsSync(join(root, folder))) return;
  mkdirSync(join(copy, folder), { recursive: true });
  for (const name of readdirSync(join(root, folder))) {
    const from = join(root, folder, name);
    const to = join(copy, folder, name);
    if (name === "@skerry") linkWorkspaces(root, copy, `${folder}/@skerry`);
    // Programs are relative links beside the packages: made anew, they find the copy's workspaces.
    else if (name === ".bin") execFileSync("cp", ["-a", from, to]);
    else symlinkSync(from, to);
  }
}

function linkWorkspaces(root: string, copy: string, folder: string): void {
  mkdirSync(join(copy, folder));
  for (const name of readdirSync(join(root, folder))) {
    const target = realpathSync(join(root, folder, name)).replace(realpathSync(root), copy);
    symlinkSync(target, join(copy, folder, name));
  }
}

/** Turns the mutant on in the copy, runs its test, turns it off again. The test must be green without it. */
export async function tryMutant(copy: string, mutant: Mutant, limitMs: number): Promise<Trial> {
  const [trouble] = mutantTroubles(copy, mutant);
  if (trouble !== undefined) return { verdict: "broken", detail: trouble };
  const without = await runNamed(copy, mutant, limitMs);
  if (without.troubles.length > 0 || without.counts.passed === 0) {
    return { verdict: "broken", detail: `its test is not green without it: ${without.troubles.join("; ")}` };
  }
  const path = join(copy, mutant.file);
  const original = readFileSync(path, "utf8");
  writeFileSync(
    path,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    const { troubles, failed } = await runNamed(copy, mutant, limitMs);
    if (failed.includes(mutant.test.name)) return { verdict: "caught", detail: "" };
    if (troubles.length === 0) return { verdict: "survived", detail: "its test stays green" };
    return { verdict: "broken", detail: `something else turned red: ${[...failed, ...troubles].join("; ")}` };
  } finally {
    writeFileSync(path, original);
  }
}

function runNamed(copy: string, { test }: Mutant, limitMs: number): Promise<RunResult> {
  return runTests({
    root: copy,
    files: [test.file],
    only: test.name,
    tier: "quick",
    ci: false,
    limitMs: limitMs + 10_000,
    fileLimitMs: limitMs,
    quiet: true,
  });
}
