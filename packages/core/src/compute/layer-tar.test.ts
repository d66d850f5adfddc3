import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { LayerTar } from "./layer-tar.ts";

interface Raw {
  readonly name?: string;
  readonly type?: string;
  /** Bytes that the header says; default: those of the content. */
  readonly size?: number | string;
  readonly content?: string;
}

/** One member, whatever nonsense it says. */
function member({ name = "f", type = "0", content = "", size = content.length }: Raw): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, "latin1");
  header.write(typeof size === "string" ? size : size.toString(8).padStart(11, "0"), 124, 12, "latin1");
  header.write(type, 156, "latin1");
  header.write("ustar\0" + "00", 257, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

const END = Buffer.alloc(1024);
const SPARSE = member({ type: "S", name: "holes" });

/** Read in parts of so many bytes. */
function read(parts: readonly Buffer[], size = 100_000) {
  const layer = new LayerTar(() => undefined);
  const bytes = Buffer.concat(parts);
  for (let at = 0; at < bytes.length; at += size) layer.push(bytes.subarray(at, at + size));
  return layer.end();
}

function refusal(...parts: Buffer[]): string {
  const { problem } = read(parts);
  return problem === undefined ? "taken" : `${problem.code}/${problem.reason ?? ""}: ${problem.message}`;
}

describe("a layer", () => {
  test("is taken as tar writes it, in each of its formats, and its files and folders are counted", () => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-layer-"));
    try {
      mkdirSync(join(directory, "root/etc/conf.d"), { recursive: true });
      writeFileSync(join(directory, "root/etc/motd"), "x".repeat(5000));
      writeFileSync(join(directory, `root/etc/${"ü".repeat(90)}`), "");
      symlinkSync("/".padEnd(150, "y"), join(directory, "root/etc/link"));
      for (const format of ["v7", "oldgnu", "gnu", "ustar", "pax"]) {
        const long = format === "v7" || format === "ustar" ? ["--exclude=link", "--exclude=ü*"] : [];
        const flags = ["-C", join(directory, "root"), `--format=${format}`, ...long, "-cf", "-", "."];
        const bytes = execFileSync("tar", flags);
        for (const size of [1, 511, 100_000])
          assert.deepEqual(read([bytes], size), { files: long.length > 0 ? 4 : 6 }, format);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("may be empty, end without an end, and have anything after it", () => {
    assert.deepEqual(read([]), { files: 0 });
    assert.deepEqual(read([member({})]), { files: 1 });
    assert.deepEqual(read([member({}), END, SPARSE]), { files: 1 });
    assert.deepEqual(read([member({ content: SPARSE.toString("latin1") }), END]), { files: 1 });
  });

  test("counts the folders that it does not name", () => {
    const files = ["a/b/c/f", "a/b/c/g", "./a/b/c/d/", "a/b/h", "x/y"].map((name) => member({ name }));
    assert.equal(read([...files, END]).files, 4 + 1 + 1 + 1 + 2);
    const global = member({ type: "g", content: record("path", "not/for/the/next") });
    const own = member({ type: "x", content: record("path", "p/q/r/s") });
    const long = member({ type: "L", content: "l/m\0" });
    assert.equal(read([global, own, member({}), END]).files, 4);
    assert.equal(read([own, long, member({}), END]).files, 2, "the long name holds");
  });

  test("is refused when a file is larger than what is written of it", () => {
    for (const key of ["GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.numblocks"]) {
      for (const type of ["x", "g"]) {
        const records = member({ type, content: record("mtime", "1") + record(key, "1") });
        assert.match(refusal(records, member({}), END), /^invalid\/too-large: .*sparse/, key);
      }
    }
    assert.match(refusal(SPARSE, END), /^invalid\/too-large: .*sparse/);
  });

  test("is refused where another reader would see other files", () => {
    const hidden = SPARSE.toString("latin1");
    for (const type of ["1", "2", "3", "4", "5", "6"]) {
      assert.match(refusal(member({ type, content: hidden }), END), /link or folder with content/, type);
    }
    assert.match(refusal(member({ name: "d/", type: "\0", content: hidden }), END), /folder with content/);
    const sized = (size: string) => member({ type: "x", content: record("size", size) });
    assert.match(refusal(sized("512"), SPARSE), /sparse/);
    assert.equal(refusal(sized("512"), member({ size: 0 }), SPARSE, END), "taken", "it is content");
    assert.match(refusal(sized("0"), member({ content: hidden }), END), /sparse/);
    for (const size of ["0x200", "-1", "1e3", "9007199254740993"]) {
      assert.match(refusal(sized(size), member({ content: hidden }), END), /size that is none/, size);
    }
    assert.match(refusal(sized("0"), sized("512"), member({}), END), /records twice/);
    assert.match(refusal(sized("512"), member({ type: "g" }), member({}), END), /records twice/);
    for (const size of ["1000\0 1", "512.", "9", "\x81\0\0\0\0\0\0\0\0\0\x02\0", "\xff".repeat(12)]) {
      assert.match(refusal(member({ size, content: hidden }), END), /damaged/, JSON.stringify(size));
    }
    assert.match(refusal(member({}), Buffer.alloc(512), member({}), END), /damaged/);
  });

  test("is refused when it is damaged, cut off, or has what no layer has", () => {
    const torn = member({});
    torn[0] = 0x67;
    assert.match(refusal(torn), /damaged/);
    assert.match(refusal(Buffer.from("{}")), /cut off/);
    assert.match(refusal(member({ content: "x".repeat(600) }).subarray(0, 1100)), /cut off/);
    assert.match(refusal(member({ size: "77777777777" }), END), /cut off/);
    assert.match(refusal(member({ type: "x", size: 600 }), END.subarray(0, 512)), /cut off/);
    assert.match(refusal(member({ type: "M" }), END), /of the kind "M"/);
    assert.match(refusal(member({ type: "x", size: 2 ** 20 + 1 }), END), /too long/);
    assert.match(refusal(member({ type: "L", content: "x".repeat(4097) }), member({}), END), /too long/);
    assert.match(refusal(...Array.from({ length: 4 }, () => member({ type: "L", content: "x" }))), /too much before/);
    for (const content of ["x", "5 a=b", "99 a=b\n", "3 a\n", "6 =ab\n", "7 a\0=b\n", " a=b\n", "1 a=b\n"]) {
      assert.match(refusal(member({ type: "x", content }), member({}), END), /cannot be read/, JSON.stringify(content));
    }
  });
});
