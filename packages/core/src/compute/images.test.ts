import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { imageTar } from "../testing/image-tar.ts";
import { createSimDisk } from "../testing/sim-disk.ts";
import { SimEngine } from "../testing/sim-engine.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { ImageLoader } from "./image-loader.ts";
import { fullName, Images } from "./images.ts";

const MINE = "m".repeat(26);
const THEIRS = "t".repeat(26);
async function world() {
  const engine = new SimEngine();
  const images = new Images(engine);
  const random = createSimRandom(1);
  const disk = createSimDisk();
  const room = { leftBytes: Number.POSITIVE_INFINITY };
  const reserve = {
    async take(sizeBytes: number) {
      room.leftBytes -= sizeBytes;
      if (room.leftBytes < 0) throw new SkerryError("exhausted/disk", "The disk of chunkserver images is full.");
    },
  };
  const loader = new ImageLoader({ engine, images, disk, random, directory: "/spool", reserve });
  await loader.clean();
  const load = async (name?: string, project = MINE) => {
    const bytes = await imageTar("web:1");
    return loader.load(
      project,
      (async function* () {
        yield bytes;
      })(),
      name,
    );
  };
  return { engine, images, disk, room, loader, load };
}

describe("names of images", () => {
  test("are those that the engine knows, and never a way to another place", () => {
    for (const name of ["web", "web:2", "team/web:2026-11", "a__b", "a-b.c/d_e", "docker.io/library/x:1"]) {
      assert.ok(fullName(name).startsWith(name), name);
    }
    const refused = [
      "../x",
      "a/../b",
      `x/../../${THEIRS}/web`,
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
    const { engine, images } = await world();
    const theirs = `skerry/${THEIRS}/web:1`;
    engine.tags.set(theirs, `sha256:${"1".repeat(64)}`);
    engine.tags.set("busybox:latest", `sha256:${"2".repeat(64)}`);
    for (const name of ["web:1", theirs, "busybox"]) {
      await assert.rejects(images.remove(MINE, name), { code: "not_found" }, name);
    }
    assert.deepEqual([...engine.tags.keys()], [theirs, "busybox:latest"]);
  });
});

describe("images that are loaded", () => {
  test("belong to the project alone, whatever they are called", async () => {
    const { engine, images, load } = await world();
    assert.equal((await load()).name, "web:1");
    assert.equal((await load(`skerry/${THEIRS}/web:1`)).name, "web:1");
    assert.deepEqual([...engine.tags.keys()], [`skerry/${MINE}/web:1`]);
    assert.deepEqual(await images.list(THEIRS), []);
  });

  test("leave the stores their room on the disk, and nothing behind", async () => {
    const { disk, room, engine, load } = await world();
    room.leftBytes = 1000;
    await assert.rejects(load(), { code: "exhausted", reason: "disk", message: /no room for the image/ });
    assert.deepEqual(await disk.readDirectory("/spool"), []);
    assert.equal(engine.tags.size, 0);
  });

  test("have turns that one project alone cannot take", async () => {
    const { loader, load } = await world();
    const stuck = Promise.withResolvers<void>();
    const slow = async function* () {
      await stuck.promise;
      yield Buffer.alloc(1024);
    };
    const most = LIMITS.compute.maxImageLoadsPerProject;
    const loads = Array.from({ length: most }, () => loader.load(THEIRS, slow()).catch(() => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(load(undefined, THEIRS), { code: "exhausted", reason: "overload" });
    assert.equal((await load()).project, MINE);
    stuck.resolve();
    await Promise.all(loads);
    assert.equal((await load(undefined, THEIRS)).project, THEIRS);
  });

  test("are so many; one that replaces another is none more", async () => {
    const { engine, load } = await world();
    for (let i = 0; i < LIMITS.compute.maxImagesPerProject; i++) {
      engine.tags.set(`skerry/${MINE}/i${i}:latest`, `sha256:${"1".repeat(64)}`);
    }
    for (const name of [undefined, "more"]) {
      await assert.rejects(load(name), { code: "exhausted", reason: "quota" });
    }
    assert.equal((await load("i1")).name, "i1:latest");
    assert.equal((await load(undefined, THEIRS)).name, "web:1");
  });
});
