import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { extract, type Header, pack } from "tar-stream";
import { LIMITS } from "../domain/limits.ts";
import { inspectImageFile, renamedImage } from "./image-file.ts";

type Member = readonly [header: Partial<Header> & { name: string }, content?: string | Buffer];

async function tar(members: readonly Member[]): Promise<Buffer> {
  const output = pack();
  for (const [header, content = ""] of members) output.entry(header, content as string);
  output.finalize();
  const parts: Buffer[] = [];
  for await (const part of output) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** In pieces, as it comes from a disk. */
function open(bytes: Buffer) {
  return async function* () {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  };
}

const manifest = (one: object = {}) =>
  JSON.stringify([{ Config: "config.json", RepoTags: ["site:2"], Layers: ["a/layer.tar"], ...one }]);
const idOf = (content: string | Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const config = (...layers: (string | Buffer)[]) => JSON.stringify({ rootfs: { diff_ids: layers.map(idOf) } });
const LAYER = await tar([[{ name: "etc/motd" }, "layer"]]);
const CONFIG = config(LAYER);
const IMAGE: readonly Member[] = [
  [{ name: "manifest.json" }, manifest()],
  [{ name: "config.json" }, CONFIG],
  [{ name: "a/layer.tar" }, LAYER],
];

describe("what docker save has written", () => {
  test("is known by its name and files, plain and gzipped", async () => {
    const expected = { name: "site:2", config: "config.json", layers: ["a/layer.tar"] };
    const bytes = await tar(IMAGE);
    assert.deepEqual(await inspectImageFile(open(bytes)), expected);
    assert.deepEqual(await inspectImageFile(open(gzipSync(bytes))), expected);
  });

  test("is handed on under our name alone, without whatever else names it", async () => {
    const bytes = await tar([
      ...IMAGE,
      [{ name: "repositories" }, '{"skerry/other/web":{}}'],
      [{ name: "index.json" }, '{"manifests":[]}'],
      [{ name: "../escape" }, "x"],
    ]);
    const file = await inspectImageFile(open(bytes));
    const archive = extract();
    const seen: Record<string, string> = {};
    void (async () => {
      for await (const part of renamedImage(open(bytes), file, "skerry/p/site:2")) archive.write(Buffer.from(part));
      archive.end(Buffer.alloc(0));
    })();
    for await (const entry of archive as AsyncIterable<unknown> as AsyncIterable<
      AsyncIterable<Buffer> & { header: Header }
    >) {
      const content = Buffer.concat(await Array.fromAsync(entry));
      seen[entry.header.name] = content.equals(LAYER) ? "the layer" : content.toString();
    }
    assert.deepEqual(seen, {
      "manifest.json": '[{"Config":"config.json","RepoTags":["skerry/p/site:2"],"Layers":["a/layer.tar"]}]',
      "config.json": CONFIG,
      "a/layer.tar": "the layer",
    });
  });

  test("may say that a layer is one that came before", async () => {
    const bytes = await tar([
      [{ name: "manifest.json" }, manifest({ Layers: ["a/layer.tar", "b/layer.tar"] })],
      [{ name: "config.json" }, config(LAYER, LAYER)],
      [{ name: "a/layer.tar" }, LAYER],
      [{ name: "b/layer.tar", type: "symlink", linkname: "../a/layer.tar" }],
    ]);
    assert.deepEqual((await inspectImageFile(open(bytes))).layers, ["a/layer.tar", "a/layer.tar"]);
  });
});

describe("what is no image is refused", () => {
  const refused = async (bytes: Buffer, code: object, message: RegExp) => {
    await assert.rejects(inspectImageFile(open(bytes)), (error: Error) => {
      assert.match(error.message, message);
      for (const [key, value] of Object.entries(code)) assert.equal((error as never)[key], value);
      return true;
    });
  };
  const without = (name: string) => IMAGE.filter(([header]) => header.name !== name);

  test("for what it is, or what it lacks", async () => {
    await refused(Buffer.from("no image at all"), { code: "invalid" }, /damaged|manifest/);
    await refused(Buffer.alloc(0), { code: "invalid" }, /damaged|manifest/);
    await refused((await tar(IMAGE)).subarray(0, 1800), { code: "invalid" }, /damaged/);
    await refused(gzipSync(await tar(IMAGE)).subarray(0, 100), { code: "invalid" }, /damaged/);
    await refused(await tar(without("manifest.json")), { code: "invalid" }, /no manifest/);
    await refused(await tar(without("a/layer.tar")), { code: "invalid" }, /lacks "a\/layer.tar"/);
    const several = `${manifest().slice(0, -1)},${manifest().slice(1)}`;
    await refused(await tar([[{ name: "manifest.json" }, several]]), { code: "invalid" }, /several images/);
    await refused(await tar([[{ name: "manifest.json" }, "{"]]), { code: "invalid" }, /no JSON/);
    await refused(await tar([[{ name: "manifest.json" }, "[null]"]]), { code: "invalid" }, /not as docker save/);
  });

  test("for more files than an image has, or a manifest that is too large", async () => {
    const many = Array.from({ length: LIMITS.compute.maxImageEntries + 1 }, (_, i): Member => [{ name: `f${i}` }, ""]);
    await refused(await tar(many), { code: "invalid", reason: "too-large" }, /more than 4096 files/);
    const large = Buffer.alloc(LIMITS.compute.maxManifestBytes + 1, " ");
    const bytes = await tar([[{ name: "manifest.json" }, large]]);
    await refused(bytes, { code: "invalid", reason: "too-large" }, /manifest is too large/);
    const layers = Array.from({ length: LIMITS.compute.maxImageLayers + 1 }, () => "a/layer.tar");
    const deep = await tar([[{ name: "manifest.json" }, manifest({ Layers: layers })], ...IMAGE.slice(1)]);
    await refused(deep, { code: "invalid", reason: "too-large" }, /128 layers/);
  });

  test("when a sparse file in a layer is larger than an image may be: the engine writes its holes out", async () => {
    const realSize = 2 ** 40;
    const pax = {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "big",
      "GNU.sparse.realsize": String(realSize),
    };
    const content = `1\n${realSize - 512}\n512\n`.padEnd(512, "\0") + "A".repeat(512);
    const layer = await tar([[{ name: "GNUSparseFile.0/big", pax }, content]]);
    const bytes = await tar([
      [{ name: "manifest.json" }, manifest()],
      [{ name: "config.json" }, config(layer)],
      [{ name: "a/layer.tar" }, layer],
    ]);
    await refused(bytes, { code: "invalid", reason: "too-large" }, /sparse/);
  });

  test("when its config is so large that the engine needs long to list it among the images", async () => {
    const { maxImageConfigBytes } = LIMITS.compute;
    const { rootfs } = JSON.parse(CONFIG) as { rootfs: object };
    const labelled = (size: number) => {
      const bare = JSON.stringify({ rootfs, config: { Labels: { a: "" } } }).length;
      return JSON.stringify({ rootfs, config: { Labels: { a: "x".repeat(size - bare) } } });
    };
    const image = (size: number) =>
      tar([IMAGE[0] as Member, [{ name: "config.json" }, labelled(size)], IMAGE[2] as Member]);
    assert.ok(await inspectImageFile(open(await image(maxImageConfigBytes))));
    for (const size of [maxImageConfigBytes + 1, LIMITS.compute.maxManifestBytes + 1]) {
      await refused(await image(size), { code: "invalid", reason: "too-large" }, /config has more than 65536 bytes/);
    }
  });

  test("when layers are listed so often that together they are larger, or hold more files", async () => {
    const large = await tar([[{ name: "big" }, Buffer.alloc(400_000, "x")]]);
    const most = LIMITS.compute.maxImageLayers;
    const full = await tar(
      Array.from({ length: LIMITS.compute.maxImageFiles / most + 1 }, (_, i) => [{ name: `${i}` }]),
    );
    const listed = async (layer: Buffer, times: number) =>
      tar([
        [{ name: "manifest.json" }, manifest({ Layers: Array.from({ length: times }, () => "a/layer.tar") })],
        [{ name: "config.json" }, config(...Array.from({ length: times }, () => layer))],
        [{ name: "a/layer.tar" }, layer],
      ]);
    assert.ok(await inspectImageFile(open(await listed(large, 2)), 1_000_000));
    const bytes = await listed(large, 3);
    await assert.rejects(inspectImageFile(open(bytes), 1_000_000), { reason: "too-large", message: /unpacked/ });
    assert.ok(await inspectImageFile(open(await listed(full, most - 1))));
    await refused(await listed(full, most), { reason: "too-large" }, /more than 200000 files/);
  });

  test("when its layers hold more files than an image may have: each costs the engine its time and the disk an inode", async () => {
    const { maxImageFiles } = LIMITS.compute;
    const zipped = (layer: Buffer) =>
      tar([IMAGE[0] as Member, [{ name: "config.json" }, config(layer)], [{ name: "a/layer.tar" }, gzipSync(layer)]]);
    // One folder in another, so many times, is as many.
    const path = `${"d/".repeat(999)}f`;
    const deep = (length: number) => tar(Array.from({ length }, (_, i): Member => [{ name: `${i}/${path}` }]));
    assert.ok(await inspectImageFile(open(await zipped(await deep(maxImageFiles / 1001 - 1)))));
    const bomb = await zipped(await deep(maxImageFiles / 1000));
    assert.ok(bomb.length < 100_000, `${bomb.length}`);
    await refused(bomb, { code: "invalid", reason: "too-large" }, /more than 200000 files and folders/);
    // Said as soon as it is known: what comes after is not read.
    const broken = (await tar([[{ name: "a/layer.tar" }, await deep(maxImageFiles / 1000)]])).subarray(0, -1024);
    await refused(broken, { code: "invalid", reason: "too-large" }, /more than 200000 files and folders/);
  });

  test("when a layer unpacks to more than an image may have", async () => {
    const layer = Buffer.alloc(2_000_000);
    const members = [IMAGE[0] as Member, [{ name: "config.json" }, config(layer)] as Member];
    const bytes = await tar([...members, [{ name: "a/layer.tar" }, gzipSync(layer)]]);
    assert.ok(bytes.length < 10_000);
    assert.ok(await inspectImageFile(open(bytes), 2_100_000));
    await assert.rejects(inspectImageFile(open(bytes), 1_000_000), { reason: "too-large", message: /unpacked/ });
    await assert.rejects(inspectImageFile(open(gzipSync(bytes)), 5_000), { reason: "too-large", message: /unpacked/ });
  });

  test("when a layer is not what its config tells of: the engine would take one of others that it has already", async () => {
    const lie = /not have the content/;
    const told = (one: string): Member => [{ name: "config.json" }, one];
    const others = [config("another"), config(LAYER, "another"), config(), "{}", '{"rootfs":{"diff_ids":"x"}}', "{}"];
    for (const one of others)
      await refused(await tar([...without("config.json"), told(one)]), { code: "invalid" }, lie);
    await refused(await tar([...without("config.json"), told("x")]), { code: "invalid" }, /no JSON/);
    // Of two with one name the first is handed on, so it is the first that must be right.
    const doubled = await tar([[{ name: "a/layer.tar" }, "empty"], ...IMAGE]);
    await refused(doubled, { code: "invalid" }, lie);
    const zipped = await tar([...without("a/layer.tar"), [{ name: "a/layer.tar" }, gzipSync(LAYER)]]);
    assert.ok(await inspectImageFile(open(zipped)), "what counts is what is in it");
  });

  test("when a layer is packed by other means than gzip: nobody could tell how large it becomes", async () => {
    const bomb = zstdCompressSync(Buffer.alloc(2_000_000));
    const heads = ["425a68", "fd377a585a00", "28b52ffd", "502a4d18"].map((head) => Buffer.from(`${head}0000`, "hex"));
    for (const layer of [bomb, ...heads]) {
      const members: Member[] = [
        [{ name: "config.json" }, config(layer)],
        [{ name: "a/layer.tar" }, layer],
      ];
      await refused(await tar([IMAGE[0] as Member, ...members]), { code: "invalid" }, /not by gzip/);
    }
  });

  test("however small the parts are in which it comes", async () => {
    const layer = Buffer.alloc(2_000_000);
    const members: Member[] = [
      [{ name: "config.json" }, config(layer)],
      [{ name: "a/layer.tar" }, gzipSync(layer)],
    ];
    const bytes = await tar([IMAGE[0] as Member, ...members]);
    const single = async function* () {
      for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
    };
    await assert.rejects(inspectImageFile(single, 1_000_000), { reason: "too-large", message: /unpacked/ });
    assert.ok(await inspectImageFile(single));
  });

  test("when it names files outside of itself", async () => {
    const members: Member[] = [
      [{ name: "manifest.json" }, manifest({ Layers: ["../../layer.tar"] })],
      [{ name: "config.json" }, CONFIG],
      [{ name: "../../layer.tar" }, LAYER],
    ];
    await refused(await tar(members), { code: "invalid" }, /lacks/);
  });

  test("when it breaks off while it is read", async () => {
    for (const bytes of [await tar(IMAGE), gzipSync(await tar(IMAGE))]) {
      const broken = async function* () {
        yield bytes.subarray(0, 40);
        throw new Error("the disk is gone");
      };
      await assert.rejects(inspectImageFile(broken), { code: "invalid" });
    }
  });
});
