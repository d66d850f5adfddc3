/** Damage done to the real daemon's files: what is read stays right, is logged, and is mended. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, type DaemonProcessOptions, startDaemonProcess } from "../src/testing/daemon-process.ts";

const DEADLINE_MS = 30_000;
let directory: string;
let data: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-damage-"));
  data = join(directory, "data");
});
after(() => rm(directory, { recursive: true, force: true }));

/** Does not start, and says this. One that starts all the same is ended. */
async function refuses(options: DaemonProcessOptions, reason: RegExp): Promise<void> {
  const start = startDaemonProcess(options);
  await start.then((daemon) => daemon.kill()).catch(() => undefined);
  await assert.rejects(start, reason);
}

async function put(client: Client, key: string, content: Buffer): Promise<void> {
  const bytes = (async function* () {
    yield content;
  })();
  await client.upload(objectRoutes.put, { params: { bucket: "box", key }, bytes });
}

async function digestOf(client: Client, key: string): Promise<string> {
  const { body } = await client.download(objectRoutes.get, { params: { bucket: "box", key } });
  const hash = createHash("sha256");
  for await (const part of body) hash.update(part);
  return hash.digest("hex");
}

/** Files of committed replicas on one chunkserver. */
async function replicas(server: string): Promise<string[]> {
  const root = join(data, "storage", server, "chunks");
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function flip(path: string, position: number): Promise<void> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0] = (byte[0] as number) ^ 0x10;
  await file.write(byte, 0, 1, position);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, what);
    await sleep(50);
  }
  return performance.now() - startMs;
}

test("a flipped byte and a deleted replica: reads stay right, are logged, and the copies are mended", async (t) => {
  await using daemon = await startDaemonProcess({ data });
  const client = daemon.client(await daemon.login());
  await client.call(bucketRoutes.create, { body: { name: "box" } });
  const content = randomBytes(3_000_000);
  const expected = createHash("sha256").update(content).digest("hex");
  await put(client, "photo", content);
  const [first] = await replicas("s1");
  const [second] = await replicas("s2");
  assert.ok(first !== undefined && second !== undefined);
  const whole = await readFile(first);
  await flip(first, 8192 + 1_500_000);
  await rm(second);
  for (let i = 0; i < 6; i++) assert.equal(await digestOf(client, "photo"), expected);
  const mended = async () => {
    const files = (await Promise.all(["s1", "s2", "s3"].map(replicas))).flat();
    if (files.length !== 3) return false;
    const contents = await Promise.all(files.map((file) => readFile(file)));
    return contents.every((bytes) => bytes.subarray(8192).equals(whole.subarray(8192)));
  };
  // A reader looks at one replica; what it does not meet the inventory finds after the next start.
  let tookMs = 0;
  try {
    tookMs = await until(
      "mended while it runs",
      async () => (await digestOf(client, "photo")) === expected && (await mended()),
    );
  } finally {
    t.diagnostic(`mended ${tookMs.toFixed(0)} ms after the first read`);
  }
  assert.ok(
    daemon.lines.some((line) => /replica/.test(line) && /"level":"(warn|error)"/.test(line)),
    "the log says it",
  );
});

test("a pipe, a link and a directory in a replica's place: reads do not hang, and the copies are mended", async () => {
  await using daemon = await startDaemonProcess({ data });
  const client = daemon.client(await daemon.login());
  const content = randomBytes(400_000);
  const expected = createHash("sha256").update(content).digest("hex");
  for (const [i, plant] of [
    (path: string) => execFileSync("mkfifo", [path]),
    (path: string) => symlinkSync("/etc/passwd", path),
    (path: string) => mkdirSync(path),
    (path: string) => mkdirSync(path),
  ].entries()) {
    const before = new Set(await replicas("s1"));
    await put(client, `odd-${i}`, content);
    const path = (await replicas("s1")).find((file) => !before.has(file)) as string;
    await rm(path);
    plant(path);
    for (let read = 0; read < 6; read++) assert.equal(await digestOf(client, `odd-${i}`), expected);
    const isFile = () => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
    await until("mended", async () => (await digestOf(client, `odd-${i}`)) === expected && isFile());
  }
});

test("replicas that vanish while the daemon is down are made again after its start", async (t) => {
  let expected: string;
  {
    await using daemon = await startDaemonProcess({ data });
    const client = daemon.client(await daemon.login());
    const content = randomBytes(500_000);
    expected = createHash("sha256").update(content).digest("hex");
    await put(client, "second", content);
    await daemon.kill("SIGTERM");
  }
  const before = (await Promise.all(["s1", "s2", "s3"].map(replicas))).flat().length;
  for (const file of await replicas("s3")) await rm(file);
  await using daemon = await startDaemonProcess({ data });
  const client = daemon.client(await daemon.login());
  const tookMs = await until("three copies again", async () => {
    return (await Promise.all(["s1", "s2", "s3"].map(replicas))).flat().length === before;
  });
  t.diagnostic(`three copies again ${tookMs.toFixed(0)} ms after the start`);
  assert.equal(await digestOf(client, "second"), expected);
  await until("status is ok", async () => (await client.call(nodeRoutes.status)).storage.state === "ok");
});

test("a row of the index that is lost is told by the status, also when nobody reads there", async () => {
  const own = join(directory, "lost-row");
  const daemon = await startDaemonProcess({ data: own });
  const admin = daemon.client(await daemon.login());
  await admin.call(bucketRoutes.create, { body: { name: "box" } });
  for (const key of ["a", "b", "c"]) await put(admin, key, Buffer.from(key));
  await daemon.kill("SIGTERM");
  const db = new DatabaseSync(join(own, "index", "index.sqlite"));
  assert.equal(db.prepare("DELETE FROM objects WHERE place = (SELECT max(place) FROM objects)").run().changes, 1);
  db.close();
  await using again = await startDaemonProcess({ data: own });
  const client = again.client(await again.login());
  await until("the status tells of it", async () => {
    const { problems } = await client.call(nodeRoutes.status);
    return problems.some((problem) => /index\.verify fails: .*damaged/.test(problem));
  });
});

test("a log that is damaged in the middle refuses to start, says where, and is left as it was", async () => {
  {
    await using daemon = await startDaemonProcess({ data });
    const client = daemon.client(await daemon.login());
    for (const name of ["amy", "ben", "cat"]) await client.call(userRoutes.create, { body: { name } });
    await daemon.kill("SIGKILL");
  }
  const log = join(data, "store", "store.db");
  const good = await readFile(log);
  await flip(log, Math.floor(good.length / 2));
  const bad = await readFile(log);
  await refuses({ data }, /store\.db.*(byte|line) \d+/s);
  assert.deepEqual(await readFile(log), bad);
  await writeFile(log, good);
  await using daemon = await startDaemonProcess({ data });
  assert.ok((await daemon.login()).length > 0);
});

test("a second daemon on the same data, a newer format, another cloud's storage: refused with the reason", async () => {
  {
    await using daemon: DaemonProcess = await startDaemonProcess({ data });
    await refuses({ data }, new RegExp(`in use|locked|${daemon.pid}`));
    const taken = { data: join(directory, "other"), listenApi: new URL(daemon.apiUrl).host };
    await refuses(taken, /another program uses this port.*--listen-api/s);
    await daemon.kill("SIGTERM");
  }
  const clusterFile = join(data, "cluster.json");
  const cluster = await readFile(clusterFile, "utf8");
  await writeFile(clusterFile, cluster.replace(/"format": ?1/, '"format": 99'));
  await refuses({ data }, /newer/);
  await writeFile(clusterFile, cluster);
  const foreign = ["--storage-dir", ["s1", "s2", "s3"].map((name) => join(data, "storage", name)).join(",")];
  await refuses({ data: join(directory, "third"), argv: foreign }, /another (cluster|cloud)/);
});

test("a store or an index that is gone is a loss, not a first start; one that is moved away takes no more writes", async () => {
  for (const [part, file] of [
    ["store", "store.db"],
    ["index", "index.sqlite"],
  ] as const) {
    await rename(join(data, part), join(data, "aside"));
    await refuses({ data }, new RegExp(`${file} is missing`));
    assert.ok(!(await readdir(data)).includes(part), "nothing was made in its place");
    await rename(join(data, "aside"), join(data, part));
  }
  await using daemon = await startDaemonProcess({ data });
  const client = daemon.client(await daemon.login());
  await rename(join(data, "index"), join(data, "aside"));
  await assert.rejects(put(client, "lost", Buffer.from("x")), { code: "unavailable" });
  await daemon.kill();
  await rename(join(data, "aside"), join(data, "index"));
  await using again = await startDaemonProcess({ data });
  const { items } = await again.client(await again.login()).call(objectRoutes.list, { params: { bucket: "box" } });
  assert.ok(items.some(({ key }) => key === "photo"));
});
