import assert from "node:assert/strict";
import { test } from "node:test";
import type { SkerryError } from "../domain/errors.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimDisk, type SimDisk } from "../testing/sim-disk.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createCollectingLogger } from "../testing/sim-telemetry.ts";
import { type ChunkServersOptions, openChunkServers } from "./open-chunkservers.ts";

const NAMES = ["s1", "s2", "s3"];

async function world(): Promise<{ disk: SimDisk; options: ChunkServersOptions }> {
  const disk = createSimDisk();
  await disk.makeDirectory("/mnt");
  await disk.syncDirectory("/");
  const options = {
    directories: NAMES.map((name) => ({ name, directory: `/mnt/${name}` })),
    cluster: "our-cluster",
    registryFile: "/mnt/registry",
    disk,
    clock: createFakeClock(),
    random: createSimRandom(1),
    log: createCollectingLogger(),
  };
  return { disk, options };
}

async function states(options: ChunkServersOptions): Promise<boolean[]> {
  return (await openChunkServers(options)).map((server) => server.state.available);
}

async function writeFile(disk: SimDisk, path: string, text: string): Promise<void> {
  disk.vanish(path);
  await using file = await disk.open(path, { write: true, create: "exclusive" });
  if (text !== "") await file.write(Buffer.from(text), 0);
  await file.syncData();
}

async function rejection(promise: Promise<unknown>): Promise<SkerryError> {
  return promise.then(
    () => assert.fail("nothing was refused"),
    (error: SkerryError) => error,
  );
}

test("directories are made, remembered and opened again, also after a crash", async () => {
  const { disk, options } = await world();
  assert.deepEqual(await states(options), [true, true, true]);
  disk.crash("dropAll");
  disk.powerOn();
  assert.deepEqual(await states(options), [true, true, true]);
  assert.deepEqual(await disk.readDirectory("/mnt/s1"), ["chunks", "identity.json", "quarantine", "staging"]);
  assert.equal((await disk.readDirectory("/mnt/s1/chunks")).length, 256);
});

test("a crash at any moment of the first start does not keep the second from starting", async () => {
  for (let after = 0; after < 60; after += 1) {
    for (const mode of ["dropAll", "someKept"] as const) {
      const { disk, options } = await world();
      disk.crashAfter(after);
      await openChunkServers(options).catch(() => undefined);
      disk.crash(mode);
      disk.powerOn();
      assert.deepEqual(await states(options), [true, true, true], `crash after ${after}, ${mode}`);
    }
  }
});

test("a directory of another cluster is refused and left as it is", async () => {
  const { disk, options } = await world();
  await openChunkServers(options);
  const before = disk.content("/mnt/s1/identity.json");
  const error = await rejection(openChunkServers({ ...options, cluster: "another", registryFile: "/mnt/other" }));
  assert.equal(error.code, "conflict");
  assert.match(error.message, /\/mnt\/s1 belongs to another cluster \(our-cluster\)/);
  assert.deepEqual(disk.content("/mnt/s1/identity.json"), before);
});

test("directories that changed places, or one given twice, are refused", async () => {
  const { options } = await world();
  await openChunkServers(options);
  const swapped = NAMES.map((name, i) => ({ name, directory: `/mnt/${NAMES[(i + 1) % 3]}` }));
  assert.match(
    (await rejection(openChunkServers({ ...options, directories: swapped }))).message,
    /belongs to chunkserver s2/,
  );
  const fresh = (await world()).options;
  const twice = NAMES.map((name) => ({ name, directory: "/mnt/same" }));
  assert.equal((await rejection(openChunkServers({ ...fresh, directories: twice }))).code, "conflict");
  const two = { ...fresh, directories: fresh.directories.slice(0, 2) };
  assert.equal((await rejection(openChunkServers(two))).code, "invalid");
});

test("a directory with other files in it is refused", async () => {
  const { disk, options } = await world();
  await disk.makeDirectory("/mnt/s2");
  await writeFile(disk, "/mnt/s2/thesis.doc", "years of work");
  const error = await rejection(openChunkServers(options));
  assert.equal(error.code, "conflict");
  assert.match(error.message, /\/mnt\/s2 is not empty/);
});

test("a newer format is refused", async () => {
  const { disk, options } = await world();
  await openChunkServers(options);
  const identity = JSON.parse(disk.content("/mnt/s3/identity.json").toString());
  await writeFile(disk, "/mnt/s3/identity.json", JSON.stringify({ ...identity, format: 2 }));
  assert.equal((await rejection(openChunkServers(options))).reason, "version");
});

test("a missing directory, an empty mount point or a broken identity costs one chunkserver; two cost the start", async () => {
  const spoil: ((disk: SimDisk) => Promise<void>)[] = [
    async (disk) => disk.vanish("/mnt/s2"),
    async (disk) => {
      disk.vanish("/mnt/s2");
      await disk.makeDirectory("/mnt/s2");
    },
    async (disk) => disk.vanish("/mnt/s2/identity.json"),
    (disk) => writeFile(disk, "/mnt/s2/identity.json", "{]"),
    (disk) => writeFile(disk, "/mnt/s2/identity.json", ""),
    async (disk) => disk.inject((_, path) => (path.startsWith("/mnt/s2") ? "EIO" : undefined)),
  ];
  for (const [i, one] of spoil.entries()) {
    const { disk, options } = await world();
    await openChunkServers(options);
    await one(disk);
    const before = disk.files();
    const servers = await openChunkServers(options);
    assert.deepEqual(
      servers.map((server) => server.state.available),
      [true, false, true],
      `case ${i}`,
    );
    assert.match(servers[1]?.state.reason ?? "", /s2/);
    assert.deepEqual(disk.files(), before, "nothing was made there");
    disk.inject((_, path) => (/s[12]/.test(path) ? "EIO" : undefined));
    const error = await rejection(openChunkServers(options));
    assert.equal(error.reason, "replicas");
    assert.match(error.hint ?? "", /s1: .*\ns2: /);
  }
});

test("a new disk is taken when the operator says so, at a start and while running", async () => {
  const { disk, options } = await world();
  const running = await openChunkServers(options);
  for (const restart of [false, true]) {
    disk.vanish("/mnt/s2");
    await running[1]?.stage({ id: "0".repeat(32), generation: 1 }).catch(() => undefined);
    assert.equal(running[1]?.state.available, false);
    await disk.makeDirectory("/mnt/s2");
    await running[1]?.probe();
    assert.equal(running[1]?.state.available, false);
    assert.match(running[1]?.state.reason ?? "", /touch \/mnt\/s2\/new-disk/);
    await writeFile(disk, "/mnt/s2/new-disk", "");
    if (!restart) {
      await running[1]?.probe();
      assert.equal(running[1]?.state.available, true);
    }
    assert.deepEqual(await states(options), [true, true, true]);
    assert.ok(!(await disk.readDirectory("/mnt/s2")).includes("new-disk"));
  }
});

test("a registry that could not be written once does not keep a new disk away", async () => {
  const { disk, options } = await world();
  const [, server] = await openChunkServers(options);
  disk.vanish("/mnt/s2");
  await server?.stage({ id: "0".repeat(32), generation: 1 }).catch(() => undefined);
  await disk.makeDirectory("/mnt/s2");
  await writeFile(disk, "/mnt/s2/new-disk", "");
  disk.inject((_, path) => (path === "/mnt/registry.new" ? "ENOSPC" : undefined));
  await server?.probe();
  assert.equal(server?.state.available, false);
  disk.inject(undefined);
  await server?.probe();
  assert.equal(server?.state.available, true);
  assert.deepEqual(await states(options), [true, true, true]);
});

test("a damaged registry is said so", async () => {
  const { disk, options } = await world();
  await openChunkServers(options);
  await writeFile(disk, "/mnt/registry", "nonsense");
  assert.equal((await rejection(openChunkServers(options))).reason, "corrupt");
});

test("a closed chunkserver takes nothing and does not come back", async () => {
  const { options } = await world();
  const [server] = await openChunkServers(options);
  await server?.[Symbol.asyncDispose]();
  await server?.probe();
  await assert.rejects(async () => server?.stage({ id: "0".repeat(32), generation: 1 }), { reason: "replicas" });
});
