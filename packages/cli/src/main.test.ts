/** The program itself, as a process: statuses, signals, broken pipes, and the daemon in the foreground. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { can } from "./testing/canned.ts";
import { FakeCloud } from "./testing/fake-cloud.ts";
import { Cli } from "./testing/run-cli.ts";
import { VERSION } from "./version.ts";

const PROGRAM = join(import.meta.dirname, "../bin/skerry");

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(argv: readonly string[], env: Record<string, string>) {
  const child = spawn(PROGRAM, argv, {
    env: { ...process.env, SKERRY_TOKEN: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<Ended>((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
  const until = async (pattern: RegExp) => {
    const deadline = Date.now() + 60_000;
    while (!pattern.test(stdout + stderr)) {
      assert.ok(Date.now() < deadline && child.exitCode === null, `${pattern} did not come: ${stdout}${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, ended, until };
}

describe("the program", () => {
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
  const run = (...argv: string[]) => start(argv, cli.env).ended;

  test("says its version, which is that of the package", async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, "../package.json"), "utf8")) as {
      version: string;
    };
    assert.equal(VERSION, version);
    for (const word of ["--version", "version"]) {
      assert.deepEqual(await run(word), { status: 0, stdout: `${VERSION}\n`, stderr: "" });
    }
  });

  test("ends with the status of the error table, results alone on stdout", async () => {
    const [fine, usage, missing, unreachable] = await Promise.all([
      run("bucket", "ls", "-o", "name"),
      run("bucket", "ls", "--lables"),
      run("bucket", "get", "nope", "-o", "json"),
      start(["status"], { ...cli.env, SKERRY_CONFIG_DIR: cli.path("none"), SKERRY_DATA: cli.path("none") }).ended,
    ]);
    assert.deepEqual(fine, { status: 0, stdout: "photos\nevil\n", stderr: "" });
    assert.deepEqual([usage.status, usage.stdout], [2, ""]);
    assert.deepEqual([missing.status, missing.stdout], [5, ""]);
    assert.equal((JSON.parse(missing.stderr) as { code: string }).code, "not_found");
    assert.deepEqual([unreachable.status, unreachable.stdout], [8, ""]);
  });

  test("a reader that goes away ends it silently", async () => {
    cloud.put("docs:big", Buffer.alloc(5_000_000, "x"));
    const child = spawn("/bin/sh", ["-c", `"${PROGRAM}" cp docs:big - | head -c 10; :`], {
      env: { ...process.env, ...cli.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
    child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
    await new Promise((resolve) => child.on("close", resolve));
    assert.deepEqual([stdout, stderr], ["x".repeat(10), ""]);
  });

  test("nobody listens to standard error: the work is done all the same, and the status tells", async () => {
    for (let i = 0; i < 30; i++) cloud.put(`docs:f${i}`, "x");
    for (let i = 0; i < 5; i++) cloud.put(`docs:bad${i}/../x`, "x");
    const child = spawn(PROGRAM, ["cp", "-r", "docs:", cli.path("down")], {
      env: { ...process.env, ...cli.env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.destroy();
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 2);
    assert.equal((await readdir(cli.path("down"))).length, 30);
  });

  test("--version loads nothing but itself", async () => {
    // What is loaded takes time at each start. yargs and zod are the heavy ones.
    const text = await readFile(join(import.meta.dirname, "main.ts"), "utf8");
    const imports = [...text.matchAll(/^import (type )?.* from "([^"]+)"/gm)];
    assert.ok(
      imports.every(([, typeOnly]) => typeOnly !== undefined),
      "main.ts imports lazily",
    );
  });
});

describe("skerry up", () => {
  let directory: string;
  let env: Record<string, string>;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "skerry-up-"));
    env = { SKERRY_CONFIG_DIR: join(directory, "config"), SKERRY_DATA: join(directory, "data"), HOME: directory };
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const FLAGS = ["--listen-api", "127.0.0.1:0", "--gateway-workers", "0"];

  test("the first start gives a context that works at once; the password is in no log", {
    timeout: 180_000,
  }, async () => {
    const daemon = start(["up", ...FLAGS], env);
    await daemon.until(/Skerry is up/);
    await daemon.until(/skerry cp/);
    const run = (...argv: string[]) => start(argv, env).ended;
    const who = await run("whoami", "-o", "name");
    assert.deepEqual(who, { status: 0, stdout: "admin\n", stderr: "" });
    await writeFile(join(directory, "file.txt"), "what I keep");
    for (const argv of [
      ["bucket", "create", "docs"],
      ["cp", join(directory, "file.txt"), "docs:"],
    ]) {
      const { status, stderr } = await run(...argv);
      assert.equal(status, 0, stderr);
    }
    const ready = await run("health", "ready");
    assert.equal(ready.status, 0);
    daemon.child.kill("SIGTERM");
    const { status, stdout, stderr } = await daemon.ended;
    assert.equal(status, 0, stderr);
    const password = (await readFile(join(directory, "data", "first-password"), "utf8")).trim();
    assert.ok(password.length >= 12 && !`${stdout}${stderr}`.includes(password));
    assert.equal((await stat(join(directory, "config", "contexts.json"))).mode & 0o777, 0o600);

    const contexts = await readFile(join(directory, "config", "contexts.json"), "utf8");
    const reset = await run("user", "reset-password", "admin");
    assert.equal(reset.status, 0, reset.stderr);
    assert.match(reset.stdout, /^\S{12,}\n$/);
    const again = start(["up", ...FLAGS], env);
    await again.until(/Skerry is up/);
    assert.equal(
      await readFile(join(directory, "config", "contexts.json"), "utf8"),
      contexts,
      "later starts leave it alone",
    );
    await writeFile(join(directory, "new-password"), reset.stdout);
    const login = await run(
      "login",
      "--socket",
      join(directory, "data", "run", "api.sock"),
      "--user",
      "admin",
      "--password-file",
      join(directory, "new-password"),
    );
    assert.equal(login.status, 0, login.stderr);
    assert.equal((await run("cp", "docs:file.txt", "-")).stdout, "what I keep");
    again.child.kill("SIGINT");
    assert.equal((await again.ended).status, 0);
  });

  test("its help names skerry up", { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await start(["up", "--help"], env).ended;
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Usage: skerry up \[FLAGS\]\n/);
    assert.ok(!stdout.includes("skerryd"), stdout);
  });

  test("a flag that is not the daemon's is refused with a suggestion", { timeout: 60_000 }, async () => {
    const { status, stderr } = await start(["up", "--listen-ap", "127.0.0.1:0"], env).ended;
    assert.equal(status, 2, stderr);
    assert.match(stderr, /listen-api/);
    assert.ok(!stderr.includes("skerryd"), stderr);
  });
});
