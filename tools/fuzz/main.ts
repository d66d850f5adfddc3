/**
 * `npm run fuzz:gateway [-- MINUTES] [--only PART] [--seed N]`: runs the fuzz targets of the gateway one after another, each so
 * many minutes (1), in runs of seeds that go on from the first. One line for each target; exits 1 when one has found something,
 * and says what repeats it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

interface Target {
  readonly name: string;
  readonly file: string;
  /** Of one run: a few seconds. */
  readonly cases: number;
}

const TARGETS: readonly Target[] = [
  { name: "HTTP/1 messages, torn", file: "http1/corpus.test.ts", cases: 100_000 },
  { name: "HTTP/1 messages beside llhttp", file: "proxy/oracle.test.ts", cases: 100_000 },
  { name: "targets and paths", file: "routing/targets-fuzz.test.ts", cases: 500_000 },
  { name: "patterns of routes", file: "routing/regex/regex.test.ts", cases: 10_000 },
  { name: "HPACK", file: "http2/hpack-fuzz.test.ts", cases: 300_000 },
  { name: "frames of HTTP/2", file: "proxy/frames-fuzz.test.ts", cases: 2000 },
  { name: "ClientHello", file: "tls/client-hello.test.ts", cases: 500_000 },
  { name: "PROXY protocol", file: "l4/proxy-header.test.ts", cases: 300_000 },
];
const MINUTE_MS = 60_000;
/** One run ends by then, or hangs. */
const RUN_MS = 10 * MINUTE_MS;
const FOLDER = "packages/core/src/gateway";
const root = resolve(import.meta.dirname, "../..");

interface Outcome {
  readonly cases: number;
  /** What was printed, when it found something. */
  readonly finding: string | undefined;
}

/** Runs end with us: nothing goes on in the background. */
const running = new Set<ReturnType<typeof spawn>>();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => {
    for (const child of running) child.kill("SIGKILL");
    process.exit(1);
  });
}

function run({ file, cases }: Target, seed: number, temporary: string): Promise<Outcome> {
  const env = { ...process.env, SKERRY_FUZZ_CASES: `${cases}`, SKERRY_TEST_SEED: `${seed}`, TMPDIR: temporary };
  const args = ["--conditions=source", "--test", "--test-reporter=tap", join(FOLDER, file)];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], timeout: RUN_MS });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
  }
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (status) => {
      running.delete(child);
      const counts = [...said.matchAll(/# fuzz (\d+) cases/g)].map(([, count]) => Number(count));
      const trouble = status !== 0 ? said : counts.length === 0 ? `no count of cases in\n${said}` : undefined;
      done({ cases: counts.reduce((sum, count) => sum + count, 0), finding: trouble });
    });
  });
}

/** True: it has found nothing. */
async function fuzz(target: Target, minutes: number, firstSeed: number, temporary: string): Promise<boolean> {
  const startMs = performance.now();
  const findings: { seed: number; text: string }[] = [];
  let cases = 0;
  let seed = firstSeed;
  for (; performance.now() - startMs < minutes * MINUTE_MS; seed++) {
    const { cases: more, finding } = await run(target, seed, temporary);
    cases += more;
    if (finding !== undefined) findings.push({ seed, text: finding });
    if (findings.length === MAX_FINDINGS) break;
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  const what = `${cases.toString().padStart(10)} cases ${seconds.padStart(5)} s  ${findings.length} findings`;
  console.log(`${target.name.padEnd(30)} ${what}  seeds ${firstSeed} to ${seed - 1}`);
  for (const { seed: found, text } of findings) {
    const command = `SKERRY_FUZZ_CASES=${target.cases} SKERRY_TEST_SEED=${found}`;
    console.log(
      `${text.slice(-4000)}\n  ${command} tools/node --conditions=source --test ${join(FOLDER, target.file)}`,
    );
  }
  return findings.length === 0;
}

/** Of one target: those behind it say the same. */
const MAX_FINDINGS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string", default: "" }, seed: { type: "string" } },
});
const minutes = Number(positionals[0] ?? 1);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const chosen = TARGETS.filter(({ name, file }) => `${name} ${file}`.includes(values.only));
if (!(minutes > 0) || chosen.length === 0) {
  console.error(
    `npm run fuzz:gateway [-- MINUTES] [--only PART] [--seed N]; parts are of\n${TARGETS.map(({ name, file }) => `  ${name} (${file})`).join("\n")}`,
  );
  process.exit(2);
}
const temporary = mkdtempSync(join(realpathSync(tmpdir()), "skerry-fuzz-"));
process.once("exit", () => rmSync(temporary, { recursive: true, force: true }));
let isClean = true;
for (const target of chosen) isClean = (await fuzz(target, minutes, seed, temporary)) && isClean;
process.exitCode = isClean ? 0 : 1;
