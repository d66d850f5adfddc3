import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { backupRoutes } from "@skerry/core/contract/api/backup.ts";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError, type SkerryError } from "@skerry/core/domain/errors.ts";
import type { Entry } from "@skerry/core/domain/store.ts";
import { openDataDirectory } from "../data/directory.ts";
import { startTestCluster, type TestCluster } from "../testing/test-cluster.ts";
import { encodeBackup, type Manifest, type Part, readBackup } from "./format.ts";
import { restoreBackup } from "./restore.ts";
import { verifyBackup } from "./unpack.ts";

let directory: string;
let cluster: TestCluster;
let backup: Buffer;

async function download(client: Client): Promise<Buffer> {
  const { body } = await client.download(backupRoutes.create, {});
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-backup-test-"));
  process.env["TMPDIR"] = directory; // what is left there is ours
  cluster = await startTestCluster();
  await cluster.admin.call(bucketRoutes.create, { body: { name: "box", labels: { a: "b" } } });
  const bytes = async function* () {
    yield Buffer.from("hello");
  };
  await cluster.admin.upload(objectRoutes.put, { params: { bucket: "box", key: "k" }, bytes: bytes() });
  backup = await download(cluster.admin);
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function fileOf(bytes: Uint8Array, name = "tried"): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}
/** Where the frames are, by their lengths. */
function framesOf(bytes: Buffer): { readonly offset: number; readonly kind: number }[] {
  const frames: { offset: number; kind: number }[] = [];
  for (let offset = 16; offset < bytes.length; offset += 12 + bytes.readUInt32LE(offset)) {
    frames.push({ offset, kind: bytes.readUInt8(offset + 4) });
  }
  return frames;
}
async function refusal(promise: Promise<unknown>): Promise<SkerryError> {
  return promise.then(
    () => assert.fail("it was taken"),
    (error: unknown) => error as SkerryError,
  );
}
const restore = (file: string, data: string, force = false) =>
  restoreBackup({ file, argv: ["--data", data], env: { HOME: directory }, force });

describe("a backup", () => {
  test("holds what is declared and the index, and says so", async () => {
    const path = await fileOf(backup, "whole");
    const { buckets, objects, objectBytes, sizeBytes, resources } = await verifyBackup(path);
    assert.deepEqual([buckets, objects, objectBytes, sizeBytes], [1, 1, 5, backup.length]);
    assert.ok(resources > 4);
    assert.deepEqual(
      (await readdir(tmpdir())).filter((name) => /^skerry-backup-\w{6}$/.test(name)),
      [],
    );
  });

  test("torn at any place, with any byte flipped, or with more behind it, is refused with the place", async () => {
    const lengths = [0, 7, 8, 15, 16, 27, 28, 300, backup.length >> 1, backup.length - 1];
    for (let i = 0; i < 10; i++) lengths.push(Math.floor((backup.length * i) / 10));
    for (const length of lengths) {
      const error = await refusal(verifyBackup(await fileOf(backup.subarray(0, length))));
      const id = length < 8 ? "invalid" : "internal/corrupt";
      assert.ok(isError(error, id), `${length}: ${error.message}`);
      if (length >= 8) assert.match(error.message, /damaged at byte \d+: .*(torn|first bytes)/);
    }
    for (let at = 0; at < backup.length; at += Math.ceil(backup.length / 30)) {
      const flipped = Buffer.from(backup);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x10, at);
      const error = await refusal(verifyBackup(await fileOf(flipped)));
      assert.ok(isError(error, "internal/corrupt") || isError(error, "invalid"), `${at}: ${error.message}`);
    }
    // A whole part that is gone: every frame that is left is sound.
    const frames = framesOf(backup);
    const last = frames.findLast(({ kind }) => kind === 2)?.offset ?? 0;
    const without = Buffer.concat([backup.subarray(0, last), backup.subarray(frames.at(-1)?.offset)]);
    assert.match((await refusal(verifyBackup(await fileOf(without)))).message, /does not match its SHA-256/);
    const longer = await refusal(verifyBackup(await fileOf(Buffer.concat([backup, Buffer.from("x")]))));
    assert.match(longer.message, /1 bytes follow its end/);
  });

  test("what is none, or of a newer Skerry, is told apart from damage", async () => {
    assert.ok(isError(await refusal(verifyBackup(await fileOf(Buffer.from("PK\x03\x04 a zip file")))), "invalid"));
    assert.ok(isError(await refusal(verifyBackup(join(directory, "nowhere"))), "not_found"));
    assert.ok(isError(await refusal(verifyBackup(directory)), "invalid"));
    const { crc32 } = await import("node:zlib");
    const newer = Buffer.from(backup);
    newer.writeUInt32LE(2, 8);
    newer.writeUInt32LE(crc32(newer.subarray(0, 12)), 12);
    const error = await refusal(verifyBackup(await fileOf(newer)));
    assert.ok(isError(error, "unsupported/version"), error.message);
  });

  test("one that is whole but not ours to write is refused, and leads nowhere else", async () => {
    const manifest: Manifest = { cluster: "a".repeat(26), skerry: "0", createdAt: "x", revision: 1 };
    const entry = (key: string, value: unknown) =>
      Buffer.from(JSON.stringify([{ key, value, labels: {}, createRevision: 1, modRevision: 1, version: 1 }]));
    const made = async (...parts: Part[]) => {
      const pieces: Uint8Array[] = [];
      const all = async function* () {
        yield* parts;
      };
      for await (const piece of encodeBackup(manifest, all())) pieces.push(piece);
      return (await refusal(verifyBackup(await fileOf(Buffer.concat(pieces))))).message;
    };
    const store = { name: "store", data: [entry("/a", 1)] };
    const evil = join(directory, "evil");
    assert.match(await made({ name: `file/../../../../../..${evil}`, data: [Buffer.from("x")] }), /has no part/);
    assert.match(await made({ name: "file/auth/../../x", data: [Buffer.from("x")] }), /has no part/);
    assert.match(await made(store, store), /twice/);
    assert.match(await made({ name: "store", data: [Buffer.from("not JSON")] }), /not JSON/);
    assert.match(await made({ name: "store", data: [entry("/b", 1), entry("/a", 1)] }), /out of order at "\/a"/);
    assert.match(await made(store), /it has no index/);
    assert.match(await made(store, { name: "index", data: [] }), /does not say of which cloud/);
    await assert.rejects(stat(evil));
  });

  test("needs the role operator or admin, is audited, and is made one at a time", async () => {
    const { client: member } = await cluster.user("mem");
    assert.ok(isError(await refusal(download(member)), "forbidden"));
    const { body } = await cluster.admin.download(backupRoutes.create, {});
    assert.ok(isError(await refusal(download(cluster.admin)), "exhausted/overload"));
    // The reader goes away in the middle: what was made for it goes, too.
    const reading = body[Symbol.asyncIterator]();
    await reading.next();
    await reading.return?.();
    const deadline = Date.now() + 60_000;
    let again: Buffer | undefined;
    while (again === undefined) {
      assert.ok(Date.now() < deadline, "the slot is not given back");
      again = await download(cluster.admin).catch(() => undefined);
    }
    assert.equal((await verifyBackup(await fileOf(again))).objects, 1);
    const { items } = await cluster.admin.call(nodeRoutes.audit, { query: { limit: 50 } });
    const lines = items
      .filter(({ action }) => action === backupRoutes.create.id)
      .map((one) => `${one.actor.name} ${one.outcome}`);
    assert.ok(lines.includes("mem denied") && lines.includes("admin ok"), lines.join());
  });
});

describe("a restore", () => {
  test("into a new directory, into one with data only by force, and what was there is kept", async () => {
    const file = await fileOf(backup, "whole");
    const data = join(directory, "new", "data");
    const { kept, dataDirectory, lost } = await restore(file, data);
    assert.deepEqual([kept, dataDirectory, lost.chunks], [undefined, data, 1], "its replicas are elsewhere");
    assert.equal((await stat(data)).mode & 0o777, 0o700);
    for (const path of ["cluster.json", "store/store.db", "index/index.sqlite"]) {
      assert.equal((await stat(join(data, path))).mode & 0o777, 0o600, path);
    }
    assert.ok(isError(await refusal(restore(file, data)), "conflict/not-empty"));
    await writeFile(join(data, "store", "store.db"), "what was there");
    const again = await restore(file, data, true);
    assert.equal(await readFile(join(again.kept ?? "", "store", "store.db"), "utf8"), "what was there");
    assert.notEqual(await readFile(join(data, "store", "store.db"), "utf8"), "what was there");
    assert.ok(!(await readdir(data)).includes("restore.new"));
  });

  test("refuses another's directory, another cloud's, and a damaged backup, and changes nothing", async () => {
    const file = await fileOf(backup, "whole");
    const data = join(directory, "mine");
    await mkdir(data, { mode: 0o700 });
    await writeFile(join(data, "holiday.jpg"), "x");
    assert.ok(isError(await refusal(restore(file, data, true)), "conflict/not-empty"));
    await rm(join(data, "holiday.jpg"));
    await writeFile(join(data, "cluster.json"), JSON.stringify({ format: 1, cluster: "b".repeat(26) }));
    const other = await refusal(restore(file, data, true));
    assert.match(other.message, /belongs to another cloud/);
    await rm(join(data, "cluster.json"));
    await mkdir(join(data, "storage", "s1"), { recursive: true });
    await writeFile(join(data, "storage", "s1", "identity.json"), JSON.stringify({ cluster: "b".repeat(26) }));
    assert.match((await refusal(restore(file, data, true))).message, /belongs to another cloud/);
    const torn = await fileOf(backup.subarray(0, backup.length - 3), "torn");
    assert.ok(isError(await refusal(restore(torn, join(directory, "fresh"))), "internal/corrupt"));
    assert.ok(!(await readdir(directory)).includes("fresh"), "not even the directory");
    await mkdir(join(directory, "empty"), { mode: 0o700 });
    assert.ok(isError(await refusal(restore(torn, join(directory, "empty"))), "internal/corrupt"));
    assert.deepEqual(await readdir(join(directory, "empty")), []);
    assert.deepEqual((await readdir(data)).sort(), ["storage"]);
  });

  test("one that is cut off at any step leaves what no daemon starts on, or all of it, and is done again", async () => {
    const file = await fileOf(backup, "whole");
    const data = join(directory, "cut");
    await restore(file, data);
    const old = await readFile(join(data, "store", "store.db"));
    for (let step = 0; ; step++) {
      let moves = 0;
      const move = async (from: string, to: string) => {
        if (moves++ === step) throw new Error("cut off");
        await rename(from, to);
      };
      const options = { file, argv: ["--data", data], env: { HOME: directory }, force: true, move };
      const ended = await restoreBackup(options).then(
        () => true,
        () => false,
      );
      if (ended) {
        assert.ok(step > 6, "there are steps to be cut off at");
        break;
      }
      const opened = await openDataDirectory(data, { version: "0" }).catch((error: SkerryError) => error);
      if (opened instanceof Error) {
        assert.match(opened.message, /A restore into .* was cut off/, `step ${step}`);
        await restore(file, data, true);
      } else {
        // Before its first step: what was there is there.
        assert.equal(step, 0);
        assert.deepEqual(await readFile(join(data, "store", "store.db")), old);
        await opened[Symbol.asyncDispose]();
      }
    }
    await using whole = await openDataDirectory(data, { version: "0" });
    assert.ok(whole.populated);
  });

  test("a store and an index that do not fit together are no backup", async () => {
    const data = join(directory, "whole-data");
    await restore(await fileOf(backup, "whole"), data);
    let entries: Entry[] = [];
    for await (const event of readBackup(join(directory, "whole"))) {
      // The first data is the store's.
      if (event.kind === "data" && entries.length === 0) entries = JSON.parse(event.bytes.toString());
    }
    const parts = async function* (without: RegExp): AsyncGenerator<Part> {
      yield { name: "store", data: [Buffer.from(JSON.stringify(entries.filter(({ key }) => !without.test(key))))] };
      yield { name: "index", data: [await readFile(join(data, "index", "index.sqlite"))] };
      yield { name: "file/cluster.json", data: [await readFile(join(data, "cluster.json"))] };
    };
    const { cluster: uid } = JSON.parse(await readFile(join(data, "cluster.json"), "utf8")) as { cluster: string };
    const manifest: Manifest = { cluster: uid, skerry: "0", createdAt: "x", revision: 1 };
    const made = async (without: RegExp) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of encodeBackup(manifest, parts(without))) pieces.push(piece);
      return verifyBackup(await fileOf(Buffer.concat(pieces)));
    };
    assert.equal((await made(/nothing/)).buckets, 1);
    assert.match((await refusal(made(/^\/bucket\//))).message, /1 objects of a bucket that is not in its store/);
  });
});
