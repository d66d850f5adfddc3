/**
 * `npm run check`: everything that can be said about the sources without running them. One line per check with its
 * seconds; what a check printed is shown only when it fails. Exits 1 when one does.
 */
import { spawn } from "node:child_process";
import { resolve } from "node:path";

interface Check {
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
}

const root = resolve(import.meta.dirname, "../..");
const bin = (name: string): string => resolve(root, "node_modules/.bin", name);

const CHECKS: readonly Check[] = [
  { name: "types", command: bin("tsc"), parameters: ["-b"] },
  {
    name: "format, lint, layers, cycles",
    command: bin("biome"),
    parameters: ["check", "--error-on-warnings", "--max-diagnostics=200"],
  },
  { name: "promises", command: bin("oxlint"), parameters: ["--type-aware", "--deny-warnings"] },
  { name: "unused files, exports, packages", command: bin("knip"), parameters: ["--no-progress", "--no-config-hints"] },
  { name: "tidy", command: process.execPath, parameters: ["--test", resolve(root, "tools/check/tidy.test.ts")] },
];
/** Two at a time: a machine of this product has two cores, and three linters on it finish later. */
const AT_ONCE = 2;
const WARNING = /^.*(?: warning (?:sizes|docs): ).*$/gm;

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
  readonly seconds: string;
}

function run({ command, parameters }: Check): Promise<Outcome> {
  const startedMs = performance.now();
  return new Promise((done) => {
    const child = spawn(command, parameters, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const finish = (passed: boolean): void =>
      done({ passed, output, seconds: ((performance.now() - startedMs) / 1000).toFixed(1) });
    child.on("error", (error) => {
      output += error.message;
      finish(false);
    });
    child.on("close", (status) => finish(status === 0));
  });
}

const waiting = [...CHECKS];
let failed = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const { passed, output, seconds } = await run(check);
      console.log(`${passed ? "ok  " : "FAIL"} ${seconds.padStart(5)} s  ${check.name}`);
      if (!passed) {
        failed += 1;
        console.log(output.trimEnd().replace(/^/gm, "    "));
      } else for (const warning of output.match(WARNING) ?? []) console.log(`    ${warning}`);
    }
  }),
);
if (failed > 0) console.log(`${failed} of ${CHECKS.length} checks failed`);
process.exitCode = failed > 0 ? 1 : 0;
