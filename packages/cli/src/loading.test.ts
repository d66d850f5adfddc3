/** What a command loads: each file and each part of Node is time that people wait, at every call. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { can } from "./testing/canned.ts";
import { FakeCloud } from "./testing/fake-cloud.ts";
import { Cli } from "./testing/run-cli.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const PROGRAM = join(import.meta.dirname, "../bin/skerry");
/** Runs before everything, and writes to the file that `LOADED` names. Takes nothing that would be loaded by it. */
const PROBE = `
  const { registerHooks } = process.getBuiltinModule("module");
  const { writeFileSync } = process.getBuiltinModule("fs");
  const files = [];
  registerHooks({ load(url, context, next) { files.push(url); return next(url, context); } });
  process.on("exit", () => writeFileSync(process.env.LOADED, JSON.stringify({ files, parts: process.moduleLoadList })));
`;

interface Loaded {
  readonly status: number;
  /** Of the checkout, from its root. */
  readonly files: readonly string[];
  /** Of Node: `tls`, `internal/deps/undici/undici`. */
  readonly parts: readonly string[];
}

async function load(cli: Cli, program: string, argv: readonly string[]): Promise<Loaded> {
  const path = cli.path("loaded.json");
  const options = `--import=data:text/javascript,${encodeURIComponent(PROBE)}`;
  const env = { ...process.env, SKERRY_TOKEN: "", ...cli.env, LOADED: path, NODE_OPTIONS: options };
  const status = await new Promise<number>((done) => {
    const child = execFile(program, argv, { env }, (error) => done(error === null ? 0 : Number(error.code)));
    child.stdin?.end();
  });
  const { files, parts } = JSON.parse(await readFile(path, "utf8")) as { files: string[]; parts: string[] };
  return {
    status,
    files: files.filter((url) => url.startsWith("file:")).map((url) => url.slice(`file://${ROOT}/`.length)),
    parts: parts.flatMap((part) => /^NativeModule (.*)$/.exec(part)?.[1] ?? []),
  };
}

/** Neither the daemon nor the screens, of core only the contract without its schemas, and no library that is not needed. */
const TOO_MUCH = [
  /^packages\/(daemon|tui)\//,
  /^packages\/core\/src\/(?!contract\/|domain\/)/,
  /^packages\/core\/src\/contract\/(schema\/|schema\.ts|routes\.ts|dispatch\/)/,
  /^node_modules\/(?!yargs-parser\/)/,
];

function assertLittle({ files, parts }: Loaded, words: string): void {
  const heavy = files.filter((file) => TOO_MUCH.some((pattern) => pattern.test(file)));
  assert.deepEqual(heavy, [], words);
  // 40 ms: what `import "node:http"` brings.
  assert.ok(!parts.some((part) => part.includes("undici")), `${words} loads undici`);
}

describe("what is loaded", () => {
  let cloud: FakeCloud;
  let cli: Cli;
  beforeEach(async () => {
    cloud = await FakeCloud.start();
    cli = await Cli.create(cloud.socketPath);
    can(cloud);
  });
  afterEach(async () => {
    await cli[Symbol.asyncDispose]();
    await cloud[Symbol.asyncDispose]();
  });

  test("for --version: two files", async () => {
    const { status, files } = await load(cli, PROGRAM, ["--version"]);
    assert.deepEqual(
      { status, files },
      { status: 0, files: ["packages/cli/src/main.ts", "packages/cli/src/version.ts"] },
    );
  });

  test("for lists and single calls: the client, what is asked for, and neither TLS nor cryptography", async () => {
    for (const words of ["ps", "bucket ls", "ls", "route ls", "whoami"]) {
      const loaded = await load(cli, PROGRAM, words.split(" "));
      assert.equal(loaded.status, 0, words);
      assertLittle(loaded, words);
      assert.deepEqual(
        loaded.parts.filter((part) => /^(tls|https|zlib|crypto)$/.test(part)),
        [],
        words,
      );
      const resources = loaded.files.filter((file) => file.includes("/contract/api/"));
      assert.ok(resources.length <= 2, `${words}: ${resources.join(", ")}`);
      assert.ok(loaded.files.length <= 60, `${words} loads ${loaded.files.length} files`);
    }
  });

  test("for exec: the same and a terminal", async () => {
    const loaded = await load(cli, PROGRAM, ["exec", "web", "--", "true"]);
    assert.equal(loaded.status, 0);
    assertLittle(loaded, "exec");
    assert.deepEqual(
      loaded.parts.filter((part) => /^(tls|https|zlib)$/.test(part)),
      [],
    );
    assert.ok(loaded.files.length <= 60, `exec loads ${loaded.files.length} files`);
  });

  test("for all commands together: still neither the daemon nor the screens", async () => {
    const table = JSON.stringify(join(import.meta.dirname, "commands/table.ts"));
    const script = `const { ENTRIES } = await import(${table}); for (const { load } of ENTRIES) await load();`;
    const loaded = await load(cli, process.execPath, ["--conditions=source", "--input-type=module", "-e", script]);
    assert.equal(loaded.status, 0);
    assert.deepEqual(
      loaded.files.filter((file) => /^packages\/(daemon|tui)\//.test(file)),
      [],
    );
  });
});
