/** Whether store and index are sound, on the files of a real cloud: while it runs, when it is down, and with damage in them. */
import assert from "node:assert/strict";
import { mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { startTestCluster } from "../testing/test-cluster.ts";
import { diagnose } from "./doctor.ts";
import { realMachine } from "./machine.ts";

let directory: string;
let data: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-sound-"));
  data = join(directory, "data");
});
after(() => rm(directory, { recursive: true, force: true }));

async function found(check: string): Promise<string> {
  const { findings } = await diagnose({
    argv: ["--data", data, "--listen-api", "127.0.0.1:0"],
    env: { HOME: directory },
    machine: { ...realMachine, run: async () => undefined },
  });
  return findings
    .filter((one) => one.check === check)
    .map(({ state, what, todo }) => `${state}: ${what}${todo?.startsWith("Start the daemon") ? ` [${todo}]` : ""}`)
    .join();
}

/** Name, size and time of every file. */
async function listing(folder: string): Promise<string[]> {
  const names = (await readdir(join(data, folder))).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(data, folder, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

/** Flips a bit there for a while. */
async function damaged(path: string, position: number, look: () => Promise<void>): Promise<void> {
  const sound = await readFile(path);
  const bytes = Buffer.from(sound);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 0x04, position);
  await writeFile(path, bytes);
  try {
    await look();
  } finally {
    await writeFile(path, sound);
  }
}

test("store and index: sound while they are used and after it, damaged in a record, a row or a page; nothing is changed", async () => {
  assert.match(await found("store-file"), /^ok: .*there is none to look at/);
  {
    await using cluster = await startTestCluster({ directory });
    await cluster.admin.call(bucketRoutes.create, { body: { name: "box" } });
    for (let i = 0; i < 200; i++) {
      const bytes = (async function* () {
        yield Buffer.from("content");
      })();
      await cluster.admin.upload(objectRoutes.put, { params: { bucket: "box", key: `key-of-object-${i}` }, bytes });
    }
    assert.match(await found("store-file"), /^ok: The store's log: every checksum of its \d+ bytes is right/);
    assert.match(await found("index-file"), /^ok: The object index: its 200 objects and 200 chunks match/);
  }
  const before = [await listing("store"), await listing("index")];
  assert.match(await found("store-file"), /^ok: .*every checksum/);
  assert.match(await found("index-file"), /^ok: .*its 200 objects/);
  assert.deepEqual([await listing("store"), await listing("index")], before, "no file is made, changed or removed");

  // All copies of one chunk.
  const storage = join(data, "storage");
  const files = (await readdir(storage, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  const [chunk] = files.filter((one) => one.parentPath.includes("/chunks/"));
  const copies = files.filter(({ name }) => name === chunk?.name).map((one) => join(one.parentPath, one.name));
  assert.equal(copies.length, 3);
  for (const copy of copies.slice(1)) await rename(copy, `${copy}.away`);
  assert.doesNotMatch(await found("index-file"), /fault/);
  await rename(copies[0] ?? "", `${copies[0]}.away`);
  assert.match(await found("index-file"), /^ok: .*,fault: 1 chunk of an object is in no directory for replicas$/);
  for (const copy of copies) await rename(`${copy}.away`, copy);

  const store = join(data, "store", "store.db");
  const log = await readFile(store);
  await damaged(store, Math.floor(log.length / 2), async () => {
    assert.match(await found("store-file"), /^fault: The store's log is damaged \(.*store\.db\)/);
  });
  const index = join(data, "index", "index.sqlite");
  const bytes = await readFile(index);
  await damaged(index, bytes.indexOf("key-of-object-77"), async () => {
    assert.match(await found("index-file"), /^fault: The object index is damaged \(.*index\.sqlite\)/);
  });
  // What no row tells of: the first byte of a page says of which kind it is.
  await damaged(index, 4096 * 3, async () => {
    assert.match(await found("index-file"), /^fault: The object index is damaged/);
  });
  // As a kill leaves it. Without its log it is not the index, and opening it would write there.
  await writeFile(`${index}-wal`, "x");
  assert.match(
    await found("index-file"),
    /^warning: .* was not looked at: it was not closed in peace.* \[Start the daemon/,
  );
  await rm(`${index}-wal`);
  await using file = await open(store, "a");
  await file.write('{"_id":"2-');
  assert.match(await found("store-file"), /^ok: .* 10 bytes at its end were cut short/);
});

test("a look that cannot be made is no verdict", async () => {
  const machine = { ...realMachine, run: async () => undefined };
  const at = {
    of: "index",
    path: join(data, "nowhere"),
    cluster: "a".repeat(26),
    running: false,
    storage: [],
  } as const;
  const { state } = await machine.look(at);
  assert.equal(state, "unknown");
});
