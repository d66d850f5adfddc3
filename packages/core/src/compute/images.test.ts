import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, newMeta, resourceKey } from "../domain/resource.ts";
import type { Json } from "../domain/store.ts";
import { until } from "../testing/auth-world.ts";
import { ComputeWorld } from "../testing/compute-world.ts";
import { imageTar } from "../testing/image-tar.ts";
import { createSimDisk } from "../testing/sim-disk.ts";
import type { SimEngine } from "../testing/sim-engine.ts";
import { ImageLoader } from "./image-loader.ts";
import { fullName } from "./images.ts";

const ids = { one: `sha256:${"1".repeat(64)}`, two: `sha256:${"2".repeat(64)}` };

/** Two projects, of which `mine` loads. */
async function world() {
  const inner = await ComputeWorld.create();
  const { store, random, engine } = inner;
  engine.tags.clear();
  const meta = newMeta({ name: "bob", project: CLOUD }, inner);
  const project = { kind: "project", meta, spec: { description: "" } };
  const key = resourceKey("project", CLOUD, "bob");
  await store.transact({ then: [{ op: "put", key, value: project as unknown as Json }] });
  const disk = createSimDisk();
  const room = { leftBytes: Number.POSITIVE_INFINITY };
  const reserve = {
    async take(sizeBytes: number) {
      room.leftBytes -= sizeBytes;
      if (room.leftBytes < 0) throw new SkerryError("exhausted/disk", "The disk of chunkserver images is full.");
    },
  };
  const { images, use } = inner.compute;
  const loader = new ImageLoader({ engine, images, store, use, disk, random, directory: "/spool", reserve });
  await loader.clean();
  const mine = { uid: inner.project, name: "alice" };
  const theirs = { uid: meta.uid, name: "bob" };
  const load = async (name?: string, into = mine) => {
    const bytes = await imageTar("web:1");
    const parts = async function* () {
      yield bytes;
    };
    return loader.load(into, parts(), name);
  };
  const { compute } = inner;
  return {
    ...{ inner, engine, images, use, disk, room, loader, load, mine, theirs, compute, store },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

describe("names of images", () => {
  test("are those that the engine knows, and never a way to another place", () => {
    for (const name of ["web", "web:2", "team/web:2026-11", "a__b", "a-b.c/d_e", "docker.io/library/x:1"]) {
      assert.ok(fullName(name).startsWith(name), name);
    }
    const refused = [
      "../x",
      "a/../b",
      `x/../../${"t".repeat(26)}/web`,
      "a//b",
      "a/",
      "/a",
      "a..b",
      "a/./b",
      "a:",
      "a:b:c",
      "A",
      "a___b",
      "a%2f..",
      "",
    ];
    for (const name of refused) assert.throws(() => fullName(name), { code: "invalid" }, name);
  });

  test("a project removes none but its own", async () => {
    await using w = await world();
    const { engine, images, mine } = w;
    const theirs = `skerry/${w.theirs.uid}/web:1`;
    engine.tags.set(theirs, ids.one);
    engine.tags.set("busybox:latest", ids.two);
    for (const name of ["web:1", theirs, "busybox"]) {
      await assert.rejects(images.remove(mine.uid, name), { code: "not_found" }, name);
    }
    assert.deepEqual([...engine.tags.keys()], [theirs, "busybox:latest"]);
  });
});

describe("questions about images", () => {
  /** What the engine is asked from now on. */
  const asked = (engine: SimEngine) => {
    const seen: string[] = [];
    const { images, image } = engine;
    engine.images = async () => {
      seen.push("all");
      return images.call(engine);
    };
    engine.image = async (reference) => {
      seen.push(reference);
      return image.call(engine, reference);
    };
    return seen;
  };

  test("find one by its name or id without a list of all, the project's own first", async () => {
    await using w = await world();
    const { engine, images, mine, theirs } = w;
    const own = `skerry/${mine.uid}/web:latest`;
    engine.tags.set("web:latest", ids.one);
    engine.tags.set("web:1", ids.one);
    assert.equal((await images.resolve(mine.uid, "web")).project, undefined);
    engine.tags.set(own, ids.two);
    const seen = asked(engine);
    assert.equal((await images.resolve(mine.uid, "web")).id, ids.two);
    assert.equal((await images.resolve(theirs.uid, "web")).id, ids.one);
    assert.equal((await images.resolve(mine.uid, ids.two)).name, "web:latest");
    assert.deepEqual(seen, [own, `skerry/${theirs.uid}/web:latest`, "web:latest", ids.two]);
  });

  test("never find another project's, by whatever name or id", async () => {
    await using w = await world();
    const { engine, images, mine, theirs } = w;
    engine.tags.set(`skerry/${theirs.uid}/web:1`, ids.one);
    for (const name of ["web:1", `skerry/${theirs.uid}/web:1`, ids.one]) {
      await assert.rejects(images.resolve(mine.uid, name), { code: "not_found" }, name);
      assert.equal(await images.find(mine.uid, name), undefined, name);
    }
  });

  test("of many at once cost the engine one list", async () => {
    await using w = await world();
    const { engine, images, mine, theirs } = w;
    engine.tags.set(`skerry/${mine.uid}/web:1`, ids.one);
    const seen = asked(engine);
    const most = LIMITS.compute.maxImageCallsPerProject;
    const lists = Array.from({ length: most }, () => [images.list(mine.uid), images.list(theirs.uid)]);
    const found = await Promise.all(lists.flat());
    assert.deepEqual(seen, ["all"]);
    assert.deepEqual([found[0]?.length, found[1]?.length], [1, 0]);
    engine.tags.clear();
    assert.deepEqual(await images.list(mine.uid), [], "the next one sees what is there now");
  });

  test("are so many at once of a project, and leave the others theirs", async () => {
    await using w = await world();
    const { engine, images, mine, theirs } = w;
    engine.tags.set("web:1", ids.one);
    const stuck = Promise.withResolvers<void>();
    const { image } = engine;
    const most = LIMITS.compute.maxImageCallsPerProject;
    let calls = 0;
    engine.image = async (reference) => {
      if (reference.includes(mine.uid) && ++calls <= most) await stuck.promise;
      return image.call(engine, reference);
    };
    const waiting = Array.from({ length: most }, () => images.resolve(mine.uid, "web:1"));
    for (const work of [images.resolve(mine.uid, "web:1"), images.list(mine.uid), images.remove(mine.uid, "web:1")]) {
      await assert.rejects(work, { code: "exhausted", reason: "overload" });
    }
    assert.equal((await images.resolve(theirs.uid, "web:1")).id, ids.one);
    stuck.resolve();
    assert.equal((await Promise.all(waiting)).length, most);
    assert.equal((await images.list(mine.uid)).length, 1);
  });
});

describe("images that are loaded", () => {
  test("belong to the project alone, whatever they are called", async () => {
    await using w = await world();
    const { engine, images, load, mine, theirs } = w;
    assert.equal((await load()).name, "web:1");
    assert.equal((await load(`skerry/${theirs.uid}/web:1`)).name, "web:1");
    assert.deepEqual([...engine.tags.keys()], [`skerry/${mine.uid}/web:1`]);
    assert.deepEqual(await images.list(theirs.uid), []);
  });

  test("leave the stores their room on the disk, and nothing behind", async () => {
    await using w = await world();
    const { disk, room, engine, load } = w;
    room.leftBytes = 1000;
    await assert.rejects(load(), { code: "exhausted", reason: "disk", message: /no room for the image/ });
    assert.deepEqual(await disk.readDirectory("/spool"), []);
    assert.equal(engine.tags.size, 0);
  });

  test("have turns that one project alone cannot take", async () => {
    await using w = await world();
    const { loader, load, mine, theirs } = w;
    const stuck = Promise.withResolvers<void>();
    const slow = async function* () {
      await stuck.promise;
      yield Buffer.alloc(1024);
    };
    const most = LIMITS.compute.maxImageLoadsPerProject;
    const loads = Array.from({ length: most }, () => loader.load(theirs, slow()).catch(() => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(load(undefined, theirs), { code: "exhausted", reason: "overload" });
    assert.equal((await load()).project, mine.uid);
    stuck.resolve();
    await Promise.all(loads);
    assert.equal((await load(undefined, theirs)).project, theirs.uid);
  });

  test("are so many; one that replaces another is none more", async () => {
    await using w = await world();
    const { engine, load, mine, theirs } = w;
    for (let i = 0; i < LIMITS.compute.maxImagesPerProject; i++) {
      engine.tags.set(`skerry/${mine.uid}/i${i}:latest`, ids.one);
    }
    for (const name of [undefined, "more"]) {
      await assert.rejects(load(name), { code: "exhausted", reason: "quota" });
    }
    assert.equal((await load("i1")).name, "i1:latest");
    assert.equal((await load(undefined, theirs)).name, "web:1");
  });

  test("take the place of those before, which go when nothing has them any more", async () => {
    await using w = await world();
    const { engine, load, inner } = w;
    const first = await load();
    await inner.run("web", { image: "web:1" });
    const second = await load();
    assert.ok(engine.untagged.has(first.id), "the container has it");
    const third = await load();
    assert.deepEqual([...engine.untagged], [first.id], "the second had nobody");
    assert.notEqual(second.id, third.id);
    await inner.compute.containers.delete(inner.project, "web");
    await until(() => engine.untagged.size === 0);
    assert.equal(await inner.engine.image(third.id).then((image) => image?.tags.length), 1);
  });

  test("what others left without a name stays", async () => {
    await using w = await world();
    const { engine, inner } = w;
    engine.tags.set("busybox:latest", ids.one);
    await inner.run("web", { image: "busybox" });
    engine.tags.delete("busybox:latest");
    engine.untagged.add(ids.one);
    await inner.compute.containers.delete(inner.project, "web");
    await until(() => engine.made.size === 0 && engine.nets.size === 0);
    assert.deepEqual([...engine.untagged], [ids.one]);
  });
});

describe("of a project that goes", () => {
  test("nothing stays in the engine, and nothing of others goes", async () => {
    await using w = await world();
    const { engine, load, use, mine, theirs, inner } = w;
    for (const name of ["web:1", "web:2"]) await load(name);
    await load("web:1", theirs);
    await inner.run("web", { image: "web:1" });
    engine.stop();
    await assert.rejects(use.clear(mine.uid), { code: "unavailable" });
    engine.resume();
    await inner.clock.advance(60_000);
    await inner.compute.containers.delete(mine.uid, "web");
    await until(() => inner.compute.endpoints.find(mine.uid, "web") === undefined);
    await use.clear(mine.uid);
    assert.deepEqual([...engine.tags.keys()], [`skerry/${theirs.uid}/web:1`]);
    assert.equal(engine.nets.size, 0);
    assert.deepEqual(
      (await w.store.list({ prefix: "/engine-use/" })).entries.map(({ key }) => key),
      [`/engine-use/${theirs.uid}`],
    );
  });

  test("who never had anything there needs no engine to go", async () => {
    await using w = await world();
    w.engine.stop();
    await w.use.clear(w.mine.uid);
    w.engine.resume();
  });

  test("an image that comes while it goes does not stay", async () => {
    await using w = await world();
    const { engine, load, use, mine } = w;
    const { loadImage } = engine;
    engine.loadImage = async (tar) => {
      await use.clear(mine.uid);
      await loadImage.call(engine, tar);
    };
    await assert.rejects(load(), { code: "not_found" });
    assert.equal(engine.tags.size, 0);
    await w.store.transact({ then: [{ op: "delete", key: resourceKey("project", CLOUD, "alice") }] });
    await assert.rejects(load(), { code: "not_found" });
  });
});
