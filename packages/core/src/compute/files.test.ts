import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { extract, type Header, pack } from "tar-stream";
import { LIMITS } from "../domain/limits.ts";
import { ComputeWorld } from "../testing/compute-world.ts";
import { readFiles, writeFiles } from "./files.ts";

type Member = readonly [header: Partial<Header> & { name: string }, content?: string];

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const output = pack();
  for (const [header, content = ""] of members) output.entry(header, content);
  output.finalize();
  return Buffer.concat(await Array.fromAsync(output as AsyncIterable<Buffer>));
}

async function* parts(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

async function listed(tar: Buffer | undefined): Promise<[string, string, number, string][]> {
  const found: [string, string, number, string][] = [];
  const archive = extract();
  archive.end(tar);
  for await (const entry of archive as AsyncIterable<unknown> as AsyncIterable<
    AsyncIterable<Buffer> & { header: Header }
  >) {
    const text = Buffer.concat(await Array.fromAsync(entry)).toString();
    found.push([entry.header.name, `${entry.header.type}`, entry.header.mode ?? 0, text]);
  }
  return found;
}

async function world() {
  const inner = await ComputeWorld.create();
  await inner.run("web");
  const { engine } = inner;
  const id = inner.engineName();
  return {
    engine,
    write: (bytes: Buffer) => writeFiles(engine, id, "/data", parts(bytes)),
    read: (path: string) => readFiles(engine, id, path, new AbortController().signal),
    written: () => listed(engine.files.get(`${id}:/data`)),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

describe("files that are copied into a container", () => {
  test("arrive as they are, without rights that they would give to others", async () => {
    await using w = await world();
    const members: Member[] = [
      [{ name: "./", type: "directory" }],
      [{ name: "./sub/", type: "directory", mode: 0o755 }],
      [{ name: "sub/tool", mode: 0o6755, uid: 7, uname: "eve" }, "#!/bin/sh"],
      [{ name: "a/../b" }, "x".repeat(5000)],
    ];
    assert.deepEqual(await w.write(await tarOf(members)), { files: 4, sizeBytes: 5009 });
    assert.deepEqual(await w.written(), [
      ["sub", "directory", 0o755, ""],
      ["sub/tool", "file", 0o755, "#!/bin/sh"],
      ["b", "file", 0o644, "x".repeat(5000)],
    ]);
  });

  test("lead nowhere else, and are plain", async () => {
    await using w = await world();
    const hostile: Member[] = [
      [{ name: "../x" }, "x"],
      [{ name: "a/../../x" }, "x"],
      [{ name: "/etc/x" }, "x"],
      [{ name: "link", type: "symlink", linkname: "/etc" }],
      [{ name: "hard", type: "link", linkname: "/etc/passwd" }],
      [{ name: "disk", type: "block-device", devmajor: 8, devminor: 0 }],
      [{ name: "pipe", type: "fifo" }],
    ];
    for (const member of hostile) {
      const before = await tarOf([[{ name: "fine" }, "x"], member]);
      await assert.rejects(w.write(before), { code: "invalid", message: /cannot be copied/ }, member[0].name);
    }
    assert.equal(w.engine.files.size, 0);
  });

  test("are a tar, and so many", async () => {
    await using w = await world();
    const whole = await tarOf([[{ name: "a" }, "x".repeat(3000)]]);
    await assert.rejects(w.write(Buffer.from("no tar at all".repeat(100))), { code: "invalid" });
    await assert.rejects(w.write(whole.subarray(0, 2000)), { code: "invalid" });
    const many = Array.from({ length: LIMITS.compute.maxCopyEntries + 1 }, (_, i): Member => [{ name: `f${i}` }, ""]);
    await assert.rejects(w.write(await tarOf(many)), { code: "invalid", reason: "too-large" });
    const huge = pack();
    huge.entry({ name: "huge", size: LIMITS.compute.maxCopyBytes + 1 });
    const first = await (huge as AsyncIterable<Buffer>)[Symbol.asyncIterator]().next();
    await assert.rejects(w.write(Buffer.concat([first.value, Buffer.alloc(1024)])), {
      code: "invalid",
      reason: "too-large",
    });
    assert.equal(w.engine.files.size, 0);
  });

  test("fail as the engine fails", async () => {
    await using w = await world();
    w.engine.stop();
    await assert.rejects(w.write(await tarOf([[{ name: "a" }, "x"]])), { code: "unavailable" });
    await assert.rejects(w.read("/data"), { code: "unavailable" });
    w.engine.resume();
    await assert.rejects(w.read("/data"), { code: "not_found" });
  });
});
