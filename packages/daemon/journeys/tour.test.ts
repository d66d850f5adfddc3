/**
 * Runs the README: every block in order, in one shell after the other, as a newcomer would; then the blocks of docs/. Daemon and
 * shells have a network and a container engine of their own, so that ports and addresses are those that are written.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BLOCK_DEADLINE_MS = 120_000;

interface Block {
  readonly line: number;
  readonly script: string;
  /** Why it is not run. */
  readonly reason: string | undefined;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^(?:<!-- not run: ([^>]*) -->\n)?```sh\n(.*?)^```$/gms)].map((match) => ({
    line: markdown.slice(0, match.index).split("\n").length,
    script: match[2] ?? "",
    reason: match[1],
  }));
}

const PAGES = [
  "README.md",
  ...["errors", "operations", "gateway-l4", "gateway-tls", "gateway-traffic"].map((page) => `docs/${page}.md`),
];
const pages = await Promise.all(
  PAGES.map(async (page) => {
    const text = await readFile(join(ROOT, page), "utf8");
    return { page, text, blocks: blocksOf(text) };
  }),
);
let engine: EngineProcess;
let home: string;
let env: Record<string, string>;
/** What is written -> what is so in this test. */
const places = new Map<string, string>();
let stop: (() => Promise<void>) | undefined;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "skerry-tour-"));
  for (const folder of ["work", "elsewhere"]) await mkdir(join(home, folder));
  engine = await startEngineProcess();
  const bin = [join(ROOT, "node_modules/.bin"), join(ROOT, "packages/cli/bin")].join(":");
  env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: home, LANG: "C.UTF-8", TMPDIR: tmpdir(), CHECKOUT: ROOT };
  places.set("$PWD/node_modules", `${ROOT}node_modules`);
  places.set('CHECKOUT="$PWD"', `CHECKOUT="${ROOT}"`);
  places.set("/mnt/elsewhere", join(home, "elsewhere"));
  places.set("/var/lib/skerry", join(home, "restored"));
  const [command = "", ...first] = engine.inNetwork;
  const argv = ["skerry", "up", "--engine-socket", engine.socketPath, "--log-format", "json"];
  const daemon = spawn(command, [...first, ...argv], { env });
  stop = async () => {
    if (daemon.exitCode !== null) return;
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
  };
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const read = (part: Buffer) => {
      said += part.toString();
      if (said.split("\n").some((one) => one.includes('"msg":"ready"') && one.endsWith("}"))) resolve();
    };
    daemon.stdout.on("data", read);
    daemon.stderr.on("data", read);
    daemon.once("exit", () => reject(new Error(`skerry up ended: ${said}`)));
  });
});
after(async () => {
  await stop?.();
  await engine?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

test("the pages have their blocks, and say why some are not run", (t) => {
  const all = pages.flatMap(({ page, blocks }) => blocks.map((block) => ({ page, ...block })));
  const skipped = all.filter(({ reason }) => reason !== undefined);
  t.diagnostic(`${all.length - skipped.length} blocks are run, ${skipped.length} are not:`);
  for (const { page, line, reason } of skipped) t.diagnostic(`  ${page}, line ${line}: ${reason}`);
  assert.ok(all.length - skipped.length >= 14);
  assert.ok(skipped.length <= 3);
  for (const { page, text, blocks } of pages) {
    assert.equal([...text.matchAll(/^```sh$/gm)].length, blocks.length, `each block of ${page} was found`);
    // What has a prompt is output; all that could be typed is run.
    assert.deepEqual([...text.matchAll(/^```(?!sh$)\w*\nskerry /gm)], [], `${page} has commands that are not run`);
  }
});

for (const { page, blocks } of pages) {
  for (const { line, script, reason } of blocks) {
    if (reason !== undefined) continue;
    test(`the block at line ${line} of ${page}`, async (t) => {
      const startMs = performance.now();
      // The checkout is the newcomer's; files of the tour are made in a folder of its own.
      let text = script;
      for (const [written, real] of places) text = text.replaceAll(written, real);
      const { status, output } = await shell(`set -eu -o pipefail\n${text}`);
      t.diagnostic(`${(performance.now() - startMs).toFixed(0)} ms`);
      assert.equal(status, 0, output);
      for (const [, promised] of script.matchAll(/&& echo "([^"]*)"$/gm))
        assert.ok(output.includes(promised ?? ""), output);
    });
  }
}

function shell(script: string): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    const options = { env, cwd: join(home, "work"), timeout: BLOCK_DEADLINE_MS, maxBuffer: 16 * 1024 * 1024 };
    const [command = "", ...first] = engine.inNetwork;
    execFile(
      command,
      [...first, `--wd=${join(home, "work")}`, "bash", "-c", script],
      options,
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      },
    );
  });
}
