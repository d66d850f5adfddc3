import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

const scratch = mkdtempSync(join(tmpdir(), "skerry-output-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** Logs 4 MiB, writes what was dropped to the file named, logs once more when that file is gone, and ends. */
const WRITER = `
  import { existsSync, writeFileSync } from "node:fs";
  import { createLogger } from ${JSON.stringify(new URL("./logger.ts", import.meta.url).href)};
  const log = createLogger({ format: "json", level: "info" });
  for (let i = 0; i < 4096; i++) log.info({ i, pad: "p".repeat(950) }, "line");
  writeFileSync(process.argv[1], String(log.droppedLines));
  while (existsSync(process.argv[1])) await new Promise((r) => setTimeout(r, 10));
  log.info({}, "last");
  log[Symbol.dispose]();`;

function writer(file: string, stdout: number | "pipe"): ChildProcess {
  const argv = ["--conditions=source", "--input-type=module", "-e", WRITER, file];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", stdout, "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function droppedWithoutReader(file: string): Promise<number> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await delay(20)) {
    if (existsSync(file) && readFileSync(file, "latin1") !== "") return Number(readFileSync(file, "latin1"));
  }
  return assert.fail("the log waits for its reader");
}

/** Every line is whole; those that are missing were counted. */
function assertWhole(text: string, dropped: number): void {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { msg: string; lines?: number; i?: number });
  assert.equal(lines.filter(({ msg }) => msg === "line").length, 4096 - dropped);
  assert.equal(lines.filter(({ msg }) => msg === "last").length, 1);
  assert.deepEqual(
    lines.filter(({ msg }) => msg === "log lines were dropped").map((line) => line.lines),
    [dropped],
  );
}

/** Takes what comes, and lets the writer go on once it has every line that was not dropped. */
function collector(file: string, dropped: number) {
  const chunks: Buffer[] = [];
  let lines = 0;
  return {
    take(chunk: Buffer): void {
      chunks.push(Buffer.from(chunk));
      const before = lines;
      for (const byte of chunk) if (byte === 10) lines++;
      if (before < 4096 - dropped && lines >= 4096 - dropped) rmSync(file);
    },
    text: () => Buffer.concat(chunks).toString(),
  };
}

test("a pipe that nobody reads does not stop the daemon; lines beyond the bound are dropped and told", async () => {
  const pipe = join(scratch, "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const end = openSync(pipe, constants.O_WRONLY);
  const file = join(scratch, "pipe-dropped");
  const child = writer(file, end);
  closeSync(end);
  const exited = once(child, "exit");
  const dropped = await droppedWithoutReader(file);
  assert.ok(dropped > 2000, `${dropped} dropped`);
  const collected = collector(file, dropped);
  const buffer = Buffer.alloc(65_536);
  for (let length = -1; length !== 0; ) {
    try {
      length = readSync(reader, buffer);
      collected.take(buffer.subarray(0, length));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      await delay(2);
    }
  }
  closeSync(reader);
  assert.deepEqual(await exited, [0, null]);
  assertWhole(collected.text(), dropped);
});

test("a socket that nobody reads does not stop it either", async () => {
  const file = join(scratch, "socket-dropped");
  // Node gives its child one end of a socket pair.
  const child = writer(file, "pipe");
  assert.ok(child.stdout);
  const exited = once(child, "exit");
  const dropped = await droppedWithoutReader(file);
  assert.ok(dropped > 2000, `${dropped} dropped`);
  const collected = collector(file, dropped);
  for await (const chunk of child.stdout) collected.take(chunk as Buffer);
  assert.deepEqual(await exited, [0, null]);
  assertWhole(collected.text(), dropped);
});

test("a reader that goes away does not end it", async () => {
  for (const kind of ["pipe", "socket"] as const) {
    const file = join(scratch, `gone-${kind}`);
    let child: ChildProcess;
    if (kind === "socket") {
      child = writer(file, "pipe");
      child.stdout?.destroy();
    } else {
      const pipe = join(scratch, "gone");
      execFileSync("mkfifo", [pipe]);
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      const end = openSync(pipe, constants.O_WRONLY);
      closeSync(reader);
      child = writer(file, end);
      closeSync(end);
    }
    const exited = once(child, "exit");
    assert.ok((await droppedWithoutReader(file)) > 2000, kind);
    rmSync(file);
    assert.deepEqual(await exited, [0, null], kind);
  }
});

test("standard error is taken when standard output is for results", () => {
  const code = `
    import { createLogger } from ${JSON.stringify(new URL("./logger.ts", import.meta.url).href)};
    createLogger({ format: "json", level: "info", output: "stderr" }).info({}, "aside");`;
  const argv = ["--conditions=source", "--input-type=module", "-e", code];
  const run = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 });
  assert.equal(run.stdout, "");
  assert.equal(JSON.parse(run.stderr).msg, "aside");
});

test("a redirected file gets every line", async () => {
  const out = join(scratch, "out.log");
  const file = join(scratch, "file-dropped");
  const end = openSync(out, "a");
  const child = writer(file, end);
  closeSync(end);
  const exited = once(child, "exit");
  assert.equal(await droppedWithoutReader(file), 0);
  rmSync(file);
  assert.deepEqual(await exited, [0, null]);
  assert.equal(readFileSync(out, "utf8").split("\n").length, 4096 + 1 + 1);
});
