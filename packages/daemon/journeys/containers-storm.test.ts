/** Random steps on containers, with the daemon and the engine killed in between: engine and store agree in the end. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { createSimRandom } from "@skerry/core/testing/sim-random.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

const STEPS = process.env["SKERRY_TEST_TIER"] === "full" ? 200 : 24;
const DAEMON_EVERY = 9;
const ENGINE_EVERY = 20;
const AGREE_MS = 180_000;
const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);
const NAMES = ["a", "b", "c", "d"];

const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let daemon: DaemonProcess;
let token: string;
let admin: Client;

async function startDaemon(): Promise<void> {
  const data = join(engine.directory, "skerry");
  daemon = await startDaemonProcess({ data, argv: ["--engine-socket", engine.socketPath], wrap: engine.inNetwork });
  token ??= await daemon.login();
  admin = daemon.client(token);
}

before(async () => {
  engine = parts.use(await startEngineProcess());
  await startDaemon();
  parts.defer(() => daemon[Symbol.asyncDispose]());
  await admin.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
});
after(() => parts.disposeAsync());

const docker = (...words: string[]) => engine.run("docker", "-H", `unix://${engine.socketPath}`, ...words);
const random = createSimRandom(SEED);

/** What the state forbids just now is no failure of the test. */
async function attempt(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof SkerryError) || error.code === "internal") throw error;
  });
}

async function step(): Promise<void> {
  const params = { name: random.pick(NAMES) };
  const command = random.pick([["sleep", "1000"], ["sh", "-c", "sleep 1; exit 1"], ["true"]]);
  switch (random.below(6)) {
    case 0:
    case 1:
      return attempt(admin.call(containerRoutes.create, { body: { ...params, spec: { image: "box", command } } }));
    case 2:
      return attempt(admin.call(containerRoutes.delete, { params }));
    case 3:
      return attempt(admin.call(containerRoutes.update, { params, body: { spec: { running: random.chance(0.5) } } }));
    case 4: {
      const ids = docker("ps", "-q").split("\n").filter(Boolean);
      // It may have ended a moment ago.
      if (ids.length > 0) docker("kill", random.pick(ids));
      return;
    }
    default:
      await sleep(random.below(500));
  }
}

/** How engine and store differ; empty when they agree. */
async function difference(): Promise<string[]> {
  const views: ContainerView[] = await Array.fromAsync(admin.items(containerRoutes.list));
  const rows = docker("ps", "-a", "--format", "{{.Names}} {{.State}}").split("\n").filter(Boolean);
  const states = new Map(rows.map((row) => row.split(" ") as [string, string]));
  const found = views.flatMap(({ meta, spec, status }) => {
    const name = `skerry-${meta.uid}`;
    const state = states.get(name);
    states.delete(name);
    const told = `${meta.name}: ${status?.state} ${status?.reason ?? ""}, in the engine ${state}`;
    if (meta.deletingSince !== undefined) return [`${told}, being removed`];
    if (!spec.running) return status?.state === "stopped" && state !== "running" ? [] : [told];
    const steady = spec.command[0] === "sleep";
    if (steady) return status?.state === "running" && state === "running" ? [] : [told];
    return status?.state === "restarting" || status?.state === "running" ? [] : [told];
  });
  return [...found, ...[...states.keys()].map((name) => `${name} is in the engine only`)];
}

test(`${STEPS} random steps, seed ${SEED}`, { timeout: 1_200_000 }, async (t) => {
  for (let i = 1; i <= STEPS; i++) {
    if (i % DAEMON_EVERY === 0) {
      await daemon.kill();
      await startDaemon();
    }
    if (i % ENGINE_EVERY === 0) {
      await engine.kill();
      await step().catch(() => undefined);
      await engine.start();
    }
    await step().catch((error: unknown) => {
      if (!/is not running|No such container/.test(String(error))) throw error;
    });
  }
  const startMs = performance.now();
  let rest = await difference();
  while (rest.length > 0) {
    assert.ok(performance.now() - startMs < AGREE_MS, `they do not agree: ${rest.join("; ")}`);
    await sleep(250);
    rest = await difference();
  }
  t.diagnostic(`agreed after ${Math.round(performance.now() - startMs)} ms`);
  for (const name of NAMES) await attempt(admin.call(containerRoutes.delete, { params: { name } }));
  assert.equal(docker("ps", "-aq"), "");
  assert.doesNotMatch(docker("network", "ls"), /skerry/);
});
