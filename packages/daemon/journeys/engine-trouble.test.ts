/** An engine that stands still, is started anew, or has no room left: what is asked says so, and nothing else suffers. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { imageTar, tarOf } from "@skerry/core/testing/image-tar.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
/** Ten times what is promised. */
const DEADLINE_MS = 120_000;
const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let daemon: DaemonProcess;
let admin: Client;
let env: Record<string, string>;

before(async () => {
  engine = parts.use(await startEngineProcess({ diskMiB: 96 }));
  const data = join(engine.directory, "skerry");
  const argv = ["--engine-socket", engine.socketPath];
  daemon = parts.use(await startDaemonProcess({ data, argv, wrap: engine.inNetwork }));
  const token = await daemon.login();
  admin = daemon.client(token);
  const home = join(engine.directory, "home");
  await mkdir(home);
  env = { PATH: process.env["PATH"] ?? "", HOME: home, SKERRY_DATA: data, SKERRY_TOKEN: token };
  await admin.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  await declare("web", ["sh", "-c", "echo begun; exec sleep 100000"]);
  await until("web", ({ state }) => state === "running");
});
after(() => parts.disposeAsync());

type State = NonNullable<ContainerView["status"]>;

async function until(name: string, holds: (status: State) => boolean): Promise<State> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const { status } = await admin.call(containerRoutes.get, { params: { name } });
    if (status !== undefined && holds(status)) return status;
    assert.ok(performance.now() < endMs, `${name} is ${JSON.stringify(status)}`);
    await sleep(50);
  }
}

const declare = (name: string, command: readonly string[]) =>
  admin.call(containerRoutes.create, { body: { name, spec: { image: "box", command: [...command] } } });

/** The real CLI; `said` grows. */
function start(...words: string[]): { child: ChildProcess; said: { text: string }; status: Promise<number> } {
  const child = spawn(SKERRY, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const said = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (part: Buffer) => {
      said.text += part.toString();
    });
  }
  return { child, said, status: once(child, "close").then(([status]) => status as number) };
}

async function cli(...words: string[]): Promise<[status: number, text: string]> {
  const { status, said } = start(...words);
  return [await status, said.text];
}

test("logs that are followed end with 8 when the engine goes", async () => {
  const { said, status } = start("logs", "web", "-f");
  const endMs = performance.now() + DEADLINE_MS;
  while (!said.text.includes("begun")) {
    assert.ok(performance.now() < endMs, said.text);
    await sleep(50);
  }
  await engine.kill();
  assert.equal(await status, 8, said.text);
  assert.match(said.text, /container engine|broke/);
  const [code, text] = await cli("image", "ls");
  assert.equal(code, 8, text);
  await engine.start();
  await until("web", ({ state }) => state === "running");
});

test("an engine that stands still is waited for so long; all else answers, and nothing is started again", async () => {
  const before = await until("web", ({ state }) => state === "running");
  await engine.signal("SIGSTOP");
  try {
    const asked = Promise.all([
      cli("image", "ls"),
      cli("exec", "web", "--", "true"),
      cli("logs", "web"),
      cli("container", "stats", "web"),
      cli("run", "box", "--name", "late"),
    ]);
    const [code, text] = await cli("ps");
    assert.equal(code, 0, text);
    assert.match(text, /web/);
    for (const words of [["volume", "create", "v1"], ["volume", "ls"], ["status"], ["container", "get", "web"]]) {
      const [status, said] = await cli(...words);
      assert.equal(status, 0, said);
    }
    const answers = await asked;
    assert.deepEqual(
      answers.map(([status]) => status),
      [8, 125, 8, 8, 8],
      JSON.stringify(answers),
    );
    for (const [, said] of answers) assert.match(said, /container engine/);
    const unknown = await until("web", ({ state }) => state === "unknown");
    assert.match(unknown.reason ?? "", /container engine/);
  } finally {
    await engine.signal("SIGCONT");
  }
  const now = await until("web", ({ state }) => state === "running");
  assert.equal(now.startedAt, before.startedAt);
});

test("an engine that is stopped and started in good order finds all running again", async () => {
  await engine.stop();
  await until("web", ({ state }) => state === "unknown");
  await engine.start();
  await until("web", ({ state }) => state === "running");
});

test("an engine without room says so, and goes on when there is some again", async () => {
  await declare("greedy", ["sh", "-c", "dd if=/dev/zero of=/big bs=1M; exec sleep 100000"]);
  const endMs = performance.now() + DEADLINE_MS;
  while (!/ 100% /.test(engine.run("df", join(engine.directory, "data")))) {
    assert.ok(performance.now() < endMs, "the disk does not fill");
    await sleep(100);
  }
  // Of other content: what the engine has already needs no room.
  const layer = { content: await tarOf({ noise: randomBytes(4 * 1024 * 1024) }) };
  const file = join(engine.directory, "noise.tar");
  await writeFile(file, await imageTar("noise:1", [layer]));
  const [status, said] = await cli("image", "load", file);
  assert.equal(status, 7, said);
  assert.match(said, /no space left/);
  await declare("poor", ["sleep", "100000"]);
  const failed = await until("poor", ({ state }) => state === "failed" || state === "running");
  assert.match(failed.reason ?? "", /no space left/);
  assert.equal((await cli("ps"))[0], 0);
  assert.equal((await admin.call(containerRoutes.get, { params: { name: "web" } })).status?.state, "running");
  await admin.call(containerRoutes.delete, { params: { name: "greedy" } });
  await until("poor", ({ state }) => state === "running");
  assert.deepEqual((await cli("image", "load", file))[0], 0);
});
