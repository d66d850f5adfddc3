/** Runs the README: every block in order, in one shell after the other, as a newcomer would. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

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

const PORTS = ["api", "http", "https"].flatMap((name) => [`--listen-${name}`, "127.0.0.1:0"]);
const readme = await readFile(join(ROOT, "README.md"), "utf8");
const blocks = blocksOf(readme);
let home: string;
let env: Record<string, string>;
/** What the README says -> what is so in this test. */
const urls = new Map<string, string>();
let stop: () => Promise<void>;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "skerry-tour-"));
  await mkdir(join(home, "work"));
  const bin = [join(ROOT, "node_modules/.bin"), join(ROOT, "packages/cli/bin")].join(":");
  env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: home, LANG: "C.UTF-8", TMPDIR: tmpdir() };
  const daemon = spawn("skerry", ["up", ...PORTS, "--log-format", "json"], { env });
  stop = async () => {
    if (daemon.exitCode !== null) return;
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
  };
  let said = "";
  const ready = await new Promise<Record<"apiUrl" | "httpUrl" | "httpsUrl", string>>((resolve, reject) => {
    const read = (part: Buffer) => {
      said += part.toString();
      const line = said.split("\n").find((one) => one.includes('"msg":"ready"') && one.endsWith("}"));
      if (line !== undefined) resolve(JSON.parse(line));
    };
    daemon.stdout.on("data", read);
    daemon.stderr.on("data", read);
    daemon.once("exit", () => reject(new Error(`skerry up ended: ${said}`)));
  });
  urls.set("127.0.0.1:7400", new URL(ready.apiUrl).host);
  urls.set("localhost:8080", `localhost:${new URL(ready.httpUrl).port}`);
  urls.set("localhost:8443", `localhost:${new URL(ready.httpsUrl).port}`);
});
after(async () => {
  await stop();
  await rm(home, { recursive: true, force: true });
});

test("the README has its blocks, and says why some are not run", (t) => {
  const skipped = blocks.filter(({ reason }) => reason !== undefined);
  t.diagnostic(`${blocks.length - skipped.length} blocks are run, ${skipped.length} are not:`);
  for (const { line, reason } of skipped) t.diagnostic(`  line ${line}: ${reason}`);
  assert.ok(blocks.length - skipped.length >= 9);
  assert.ok(skipped.length <= 4);
  assert.equal([...readme.matchAll(/^```sh$/gm)].length, blocks.length, "each block was found");
});

for (const { line, script, reason } of blocks) {
  if (reason !== undefined) continue;
  test(`the block at line ${line} of the README`, async (t) => {
    const startMs = performance.now();
    // The checkout is the newcomer's; files of the tour are made in a folder of its own.
    let text = script.replaceAll("$PWD/node_modules", `${ROOT}node_modules`);
    for (const [written, real] of urls) text = text.replaceAll(written, real);
    const { status, output } = await shell(`set -eu -o pipefail\n${text}`);
    t.diagnostic(`${(performance.now() - startMs).toFixed(0)} ms`);
    assert.equal(status, 0, output);
    for (const [, promised] of script.matchAll(/&& echo "([^"]*)"$/gm))
      assert.ok(output.includes(promised ?? ""), output);
  });
}

function shell(script: string): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    const options = { env, cwd: join(home, "work"), timeout: BLOCK_DEADLINE_MS, maxBuffer: 16 * 1024 * 1024 };
    execFile("bash", ["-c", script], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}
