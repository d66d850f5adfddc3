/**
 * `npm test` and `npm run test:full`: installs what the tests need, runs them, looks at what they left. Arguments after
 * the tier choose files by parts of their paths: `npm test -- storage/index`.
 */
import { resolve } from "node:path";
import { installMissing } from "./debian.ts";
import type { Counts } from "./events.ts";
import { collectTestFiles, MINIMUM_FILES } from "./files.ts";
import { runTests } from "./run.ts";

const MINUTE_MS = 60_000;
const TIERS = {
  quick: { limitMs: 11 * MINUTE_MS, fileLimitMs: 5 * MINUTE_MS },
  full: { limitMs: 80 * MINUTE_MS, fileLimitMs: 40 * MINUTE_MS },
} as const;

const root = resolve(import.meta.dirname, "../..");

async function main([tier, ...only]: readonly string[]): Promise<string[]> {
  if (tier !== "quick" && tier !== "full") return [`the tier is quick or full, not ${tier}`];
  const missing = installMissing(tier);
  if (missing !== undefined) return [missing];
  const files = collectTestFiles(root, tier, only);
  const minimum = only.length === 0 ? MINIMUM_FILES : 1;
  if (files.length < minimum) return [`found ${files.length} test files, expected ${minimum} or more`];
  const ci = process.env["CI"] === "true";
  const { troubles, counts, durationMs } = await runTests({ root, files, tier, ci, ...TIERS[tier] });
  for (const trouble of troubles) console.log(`FAIL ${trouble}`);
  console.log(summary(counts, files.length, durationMs));
  return troubles.length === 0 ? [] : [`${troubles.length} of the conditions above do not hold`];
}

/** node:test's own closing lines, last, where a reader of logs looks for them. */
function summary(counts: Counts, files: number, durationMs: number): string {
  const { tests, suites, passed, failed, cancelled, skipped, todo } = counts;
  const lines = { files, tests, suites, pass: passed, fail: failed, cancelled, skipped, todo, duration_ms: durationMs };
  return Object.entries(lines)
    .map(([name, value]) => `# ${name} ${value}`)
    .join("\n");
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const troubles = await main(process.argv.slice(2));
for (const trouble of troubles) console.error(trouble);
process.exitCode = troubles.length === 0 ? 0 : 1;
