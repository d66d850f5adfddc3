/**
 * A backup is made while buckets come and go; store and index are destroyed; a restore brings back all that was acknowledged
 * before. kill -9 in the middle of either leaves nothing half.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const BACKUPS = FULL ? 30 : 3;
const KILLS = FULL ? 60 : 5;
const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

interface Ran {
  readonly status: number | null;
  readonly said: string;
}

/** The CLI as a process; killed after `killMs`, when that is given. */
async function skerry(argv: readonly string[], env: Record<string, string>, killMs?: number): Promise<Ran> {
  const child = spawn(SKERRY, argv, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (said += part.toString()));
  const timer = killMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killMs);
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  return { status, said };
}

async function put(client: Client, bucket: string, key: string, content: Buffer): Promise<void> {
  const bytes = async function* () {
    yield content;
  };
  await client.upload(objectRoutes.put, { params: { bucket, key }, bytes: bytes() });
}

async function md5Of(client: Client, bucket: string, key: string): Promise<string> {
  const hash = createHash("md5");
  const { body } = await client.download(objectRoutes.get, { params: { bucket, key } });
  for await (const part of body) hash.update(part);
  return hash.digest("hex");
}

/** Buckets with an object in them come and go until it is ended. */
async function churn(client: Client, name: string, signal: AbortSignal): Promise<number> {
  let rounds = 0;
  for (; !signal.aborted; rounds++) {
    try {
      await client.call(bucketRoutes.create, { body: { name } });
      await put(client, name, "k", Buffer.from("x"));
      await client.call(objectRoutes.delete, { params: { bucket: name, key: "k" } });
      await client.call(bucketRoutes.delete, { params: { name } });
    } catch (error) {
      if (!isError(error, "unavailable")) throw error;
    }
  }
  return rounds;
}

interface Site {
  readonly data: string;
  /** What a command that is killed leaves there goes with the directory. */
  readonly env: { SKERRY_DATA: string; SKERRY_CONFIG_DIR: string; SKERRY_TOKEN: string; TMPDIR: string };
  file(name: string): string;
  /** Key -> MD5 of what was acknowledged; and what of it was before the last backup. */
  readonly objects: Map<string, string>;
  atBackup: Map<string, string>;
}

async function add({ objects }: Site, client: Client, key: string, content: Buffer): Promise<void> {
  await put(client, "stays", key, content);
  objects.set(key, createHash("md5").update(content).digest("hex"));
}

test("what was acknowledged before a backup is there after store and index were lost", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-backup-journey-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const data = join(directory, "data");
  const site: Site = {
    data,
    env: { SKERRY_DATA: data, SKERRY_CONFIG_DIR: join(directory, "config"), SKERRY_TOKEN: "", TMPDIR: directory },
    file: (name) => join(directory, `${name}.backup`),
    objects: new Map(),
    atBackup: new Map(),
  };
  await t.test("backups while buckets come and go are whole", (step) => makeBackups(site, step));
  await t.test("kill -9 while a backup is made leaves no file of its name", () => killCreates(site));
  await t.test("kill -9 while it is restored leaves what no daemon starts on, or all of it", (step) =>
    killRestores(site, step),
  );
  await t.test("all of it is there, readable, and goes on", () => lookAtAll(site));
  await t.test("what was deleted after the backup is told of by name: restore, status, download, doctor", () =>
    restoreDeleted(site),
  );
});

async function makeBackups(site: Site, t: TestContext): Promise<void> {
  const { data, env, file } = site;
  await using daemon = await startDaemonProcess({ data });
  env.SKERRY_TOKEN = await daemon.login();
  const client = daemon.client(env.SKERRY_TOKEN);
  await client.call(bucketRoutes.create, { body: { name: "stays", spec: { visibility: "visible" } } });
  await client.call(userRoutes.create, { body: { name: "amy", password: "correct horse battery" } });
  await add(site, client, "big", randomBytes(3_000_000));
  for (let i = 0; i < 30; i++) await add(site, client, `small/${i}`, randomBytes(i * 100));
  const ended = new AbortController();
  const churning = [1, 2, 3].map((i) => churn(client, `goes-${i}`, ended.signal));
  for (let i = 0; i < BACKUPS; i++) {
    await add(site, client, `between/${i}`, randomBytes(1000));
    site.atBackup = new Map(site.objects);
    const { status, said } = await skerry(["backup", "create", file(`b${i}`)], env);
    assert.equal(status, 0, said);
    assert.equal((await stat(file(`b${i}`))).mode & 0o777, 0o600);
  }
  ended.abort();
  const rounds = (await Promise.all(churning)).reduce((sum, one) => sum + one);
  assert.ok(rounds > BACKUPS, `${rounds} buckets came and went`);
  t.diagnostic(`${rounds} buckets came and went during ${BACKUPS} backups`);
}

async function killCreates(site: Site): Promise<void> {
  const { data, env, file } = site;
  for (let i = 0; i < KILLS; i++) {
    await using daemon = await startDaemonProcess({ data });
    assert.ok(!(await readdir(join(data, "run"))).includes("backup"), "what the killed daemon left is gone");
    const ofDaemon = i % 2 === 0;
    const killMs = randomInt(50, 700);
    const running = skerry(["backup", "create", file(`killed-${i}`)], env, ofDaemon ? undefined : killMs);
    if (ofDaemon) {
      await sleep(killMs);
      await daemon.kill();
    }
    const { status } = await running;
    const there = await stat(file(`killed-${i}`)).catch(() => undefined);
    // It may have been faster than the kill: then it is whole.
    if (there !== undefined) assert.equal((await skerry(["backup", "verify", file(`killed-${i}`)], env)).status, 0);
    else assert.notEqual(status, 0);
  }
}

async function killRestores(site: Site, t: TestContext): Promise<void> {
  const { data, env, file } = site;
  for (const name of ["store", "index", "auth"]) await rm(join(data, name), { recursive: true });
  const argv = ["backup", "restore", file(`b${BACKUPS - 1}`), "--force"];
  const seen = new Set<string>();
  for (let i = 0; i < KILLS; i++) {
    const { status, said } = await skerry(argv, env, randomInt(80, 900));
    assert.ok(status === 0 || status === null, said);
    const names = await readdir(data);
    const whole = ["cluster.json", "store", "index"].every((name) => names.includes(name));
    seen.add(whole ? "whole" : names.includes("cluster.json") ? "before" : "between");
    if (whole) continue;
    await assert.rejects(startDaemonProcess({ data }), /ended with 1 before it was ready/);
  }
  const { status, said } = await skerry(argv, env);
  // Of the buckets that come and go, one may have been caught with its object.
  assert.doesNotMatch(said, /on no disk here.*stays:/);
  assert.equal(status, 0, said);
  t.diagnostic(`${KILLS} kills of a restore left: ${[...seen].join(", ")}`);
}

async function lookAtAll(site: Site): Promise<void> {
  const { data, env } = site;
  await using daemon = await startDaemonProcess({ data });
  const client = daemon.client(env.SKERRY_TOKEN);
  for (const [key, md5] of site.atBackup) assert.equal(await md5Of(client, "stays", key), md5, key);
  const bucket = await client.call(bucketRoutes.get, { params: { name: "stays" } });
  assert.equal(bucket.spec.visibility, "visible");
  assert.equal(bucket.status?.objects, site.atBackup.size);
  await client.call(userRoutes.get, { params: { name: "amy" } });
  await add(site, client, "after", randomBytes(100));
  await client.call(bucketRoutes.create, { body: { name: "goes-on" } });
  const { said } = await skerry(["doctor", "--listen-api", daemon.apiUrl.slice("http://".length)], env);
  const faults = said.split("\n").filter((line) => line.startsWith("fault "));
  // Where temporary files lie in memory it rightly says so.
  assert.deepEqual(
    faults.filter((line) => !line.includes("lies in memory") && !/no good copy.*goes-\d:k/.test(line)),
    [],
    said,
  );
}

/** Its chunks are gone, and the index of the backup has it. */
async function restoreDeleted(site: Site): Promise<void> {
  const { data, env, file } = site;
  {
    await using daemon = await startDaemonProcess({ data });
    const client = daemon.client(env.SKERRY_TOKEN);
    for (const name of ["goes-1", "goes-2", "goes-3"]) await skerry(["rm", "-r", `${name}:`, "--yes"], env);
    await add(site, client, "doomed", randomBytes(2_000_000));
    assert.equal((await skerry(["backup", "create", file("last")], env)).status, 0);
    await client.call(objectRoutes.delete, { params: { bucket: "stays", key: "doomed" } });
    await until("the chunks go", async () => (await client.call(nodeRoutes.storage)).garbageChunks === 0);
  }
  const restored = await skerry(["backup", "restore", file("last"), "--force"], env);
  assert.equal(restored.status, 0, restored.said);
  assert.match(restored.said, /1 chunk \(.*\) of its objects is on no disk here.*stays:doomed/);
  await using daemon = await startDaemonProcess({ data });
  let said = "";
  await until("the status tells", async () => {
    ({ said } = await skerry(["status"], env));
    return said.includes("stays:doomed");
  });
  assert.match(said, /State +degraded\n(.*\n)+.*1 chunk of an object has no good copy on any disk here/);
  const download = await skerry(["cp", "stays:doomed", "-"], env);
  assert.equal(download.status, 1, download.said);
  assert.match(download.said, /^error: All copies of a part of the object are damaged or gone/);
  const doctor = await skerry(["doctor", "--listen-api", daemon.apiUrl.slice("http://".length)], env);
  assert.equal(doctor.status, 1, doctor.said);
  assert.match(doctor.said, /^fault .*no good copy/m);
  const removed = await skerry(["rm", "stays:doomed"], env);
  assert.equal(removed.status, 0, removed.said);
  await until("the status is good again", async () => (await skerry(["status"], env)).said.includes("State    ok"));
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 120; tries++) {
    if (await holds()) return;
    await sleep(500);
  }
  throw new Error(`it does not come about: ${what}`);
}
