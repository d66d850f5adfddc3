import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { openDataDirectory } from "./directory.ts";

const version = "0.1.0";
const scratch = mkdtempSync(join(tmpdir(), "skerry-lock-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** A process that opens the directory, listens on its socket, says `open` or why not, and then waits to be killed. */
const HOLDER = `
  import { createServer } from "node:net";
  import { openDataDirectory } from ${JSON.stringify(new URL("./directory.ts", import.meta.url).href)};
  try {
    const data = await openDataDirectory(process.argv[1], { version: "0.1.0" });
    createServer().listen(data.socketPath, () => console.log("open " + data.cluster));
    setInterval(() => globalThis.gc?.(), 50);
  } catch (error) {
    console.log(error.code + "/" + error.reason + " " + error.message);
  }`;

async function holder(path: string): Promise<{ child: ChildProcess; said: string }> {
  const argv = ["--conditions=source", "--expose-gc", "--input-type=module", "-e", HOLDER, path];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  assert.ok(child.stdout);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: chunk.toString() };
}

async function refusal(path: string): Promise<SkerryError> {
  const error = await openDataDirectory(path, { version }).then(
    () => assert.fail("the lock was given twice"),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof SkerryError, String(error));
  return error;
}

test("a second process is refused and told the pid; kill -9 frees the lock at once, and the dead socket goes", async () => {
  const path = join(scratch, "killed");
  let cluster: string | undefined;
  for (let round = 0; round < 3; round++) {
    const { child, said } = await holder(path);
    assert.match(said, /^open /);
    cluster ??= said;
    assert.equal(said, cluster, "the same cloud after each kill");

    const error = await refusal(path);
    assert.ok(error.is("conflict/locked"));
    assert.match(error.message, new RegExp(`in use by process ${child.pid}\\.`));
    assert.match(error.hint ?? "", new RegExp(`kill ${child.pid}`));
    assert.deepEqual(error.details, { path, pid: child.pid });
    assert.match((await holder(path)).said, /^conflict\/locked .* in use by process/);

    assert.ok(lstatSync(join(path, "run", "api.sock")).isSocket(), "a daemon that is refused leaves the socket alone");
    // No wait for the exit: the next one starts while the dead one's files are being closed.
    child.kill("SIGKILL");
    const data = await openDataDirectory(path, { version });
    assert.equal(`open ${data.cluster}\n`, cluster);
    assert.throws(() => lstatSync(data.socketPath), /ENOENT/);
    await data[Symbol.asyncDispose]();
  }
});

test("the same process is refused too, which does not take the lock from the first", async () => {
  const path = join(scratch, "twice");
  {
    await using data = await openDataDirectory(path, { version });
    assert.match((await refusal(path)).message, /in use by this process/);
    // SQLite closed its second descriptor: without its bookkeeping the fcntl lock would be gone now.
    assert.match((await holder(path)).said, /^conflict\/locked/);
    assert.equal(readFileSync(data.pidFile, "latin1"), `${process.pid}\n`, "who is refused does not write the pid");
  }
  await using again = await openDataDirectory(path, { version });
  assert.equal(again.created, false);
});

test("of many that start at once on a new directory one gets it, and it is one cloud", async () => {
  const path = join(scratch, "race");
  const started = await Promise.all(Array.from({ length: 4 }, () => holder(path)));
  const opened = started.filter(({ said }) => said.startsWith("open "));
  assert.equal(opened.length, 1, started.map(({ said }) => said).join(""));
  for (const { said } of started) assert.match(said, /^(open|conflict\/locked) /);
  const content = JSON.parse(readFileSync(join(path, "cluster.json"), "utf8"));
  assert.equal(opened[0]?.said, `open ${content.cluster}\n`);
});

test("a pid left by a process that is gone names nobody", async () => {
  const path = join(scratch, "stale");
  const { child } = await holder(path);
  writeFileSync(join(path, "run", "pid"), "999999999\n");
  assert.match((await refusal(path)).message, /in use by another process/);
  writeFileSync(join(path, "run", "pid"), "\u001b[31m");
  assert.match((await refusal(path)).message, /in use by another process/);
  child.kill("SIGKILL");
});
