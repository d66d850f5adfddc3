import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { readConfigFile } from "./file.ts";
import { loadConfig } from "./load.ts";
import { SETTING_KEYS } from "./settings.ts";
import { settingOf } from "./show.ts";

const fixtures = fileURLToPath(new URL("../../../../fixtures/config/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "skerry-config-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const load = (path: string) =>
  loadConfig({ argv: ["--config", path], env: {}, homeDir: "/home/h", isTty: false, hostname: "box" });

/** The refusal of a file with this content. */
async function refused(name: string, content: string | Uint8Array): Promise<SkerryError> {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return refusedAt(path);
}

async function refusedAt(path: string): Promise<SkerryError> {
  const error = await load(path).then(
    () => assert.fail(`${path} was accepted`),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof SkerryError, String(error));
  return error;
}

function stems(folder: string): string[] {
  const found = readdirSync(join(fixtures, folder)).filter((file) => file.endsWith(".yaml"));
  assert.ok(found.length > 3, `${folder} has its fixtures`);
  return found.map((file) => file.replace(/\.yaml$/, ""));
}

describe("good files give what stands beside them", () => {
  for (const stem of stems("good")) {
    test(stem, async () => {
      const folder = join(fixtures, "good");
      const path = join(folder, `${stem}.yaml`);
      const expected = readFileSync(join(folder, `${stem}.json`), "utf8")
        .replaceAll("HERE", folder)
        .replaceAll("HOME", "/home/h");
      const config = await load(path);
      const given = SETTING_KEYS.filter((key) => config.sources[key].kind === "file");
      assert.deepEqual(Object.fromEntries(given.map((key) => [key, settingOf(config, key)])), JSON.parse(expected));
      for (const key of given) assert.match(config.sources[key].where, /\.yaml:\d+:\d+$/);
    });
  }
});

describe("bad files are refused with their place and the fix", () => {
  for (const stem of stems("bad")) {
    test(stem, async () => {
      const path = join(fixtures, "bad", `${stem}.yaml`);
      const error = await refusedAt(path);
      const shown = `${error.code}: ${error.message}\n${error.hint}\n`.replaceAll(path, "FILE");
      assert.equal(
        shown.replaceAll(join(fixtures, "bad"), "HERE"),
        readFileSync(join(fixtures, "bad", `${stem}.txt`), "utf8"),
      );
      assert.doesNotMatch(error.message, /[\u0000-\u001f\u007f-\u009f]/);
    });
  }
});

test("a file of 10 MB is refused by its size, and one of just the limit is read", async () => {
  const large = await refused("large.yaml", Buffer.alloc(10 * 1024 * 1024, "#"));
  assert.ok(large.is("invalid/too-large"));
  const most = join(scratch, "most.yaml");
  writeFileSync(most, `data: /srv/x\n#`.padEnd(LIMITS.config.maxFileBytes, "#"));
  assert.equal((await load(most)).data, "/srv/x");
});

test("a file as large as allowed cannot keep the start waiting or overflow the stack", async () => {
  const most = LIMITS.config.maxFileBytes;
  const shapes: Record<string, string> = {
    "flow lists": "[".repeat(most),
    "flow maps": "{a: ".repeat(most / 4),
    "block lists": "- ".repeat(most / 2),
    "block maps": Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join(""),
    "explicit keys": "? ".repeat(most / 2),
    "many keys": Array.from({ length: most / 8 }, (_, index) => `k${index}: 1\n`)
      .join("")
      .slice(0, most),
    "keys that are one": "log:\n".repeat(most / 5),
    "many documents": "---\n".repeat(most / 4),
    "many anchors": "&a ".repeat(most / 3),
    "many aliases": `data: [&a x${", *a".repeat(most / 4 - 10)}]`,
    "one long string": `data: "${"x".repeat(most - 20)}`,
    "directories without end": `storage: {directories: [${"/a,".repeat(most / 3 - 20)}]}`,
  };
  for (const [name, content] of Object.entries(shapes)) {
    const error = await refused("shape.yaml", content);
    assert.equal(error.code, "invalid", name);
    assert.match(error.message, /shape\.yaml:\d+:\d+: /, name);
  }
});

test("what is not a readable regular file is refused, and a pipe does not block", async () => {
  const pipe = join(scratch, "pipe");
  execFileSync("mkfifo", [pipe]);
  assert.match((await refusedAt(pipe)).message, /not a regular file/);
  assert.match((await refusedAt(scratch)).message, /not a regular file|cannot be read \(EISDIR\)/);
  assert.match((await refusedAt(join(scratch, "none.yaml"))).message, /there is no such file/);
  assert.match((await refusedAt(join(scratch, "none/x.yaml"))).message, /there is no such file/);
  assert.match((await refusedAt(`${pipe}/x.yaml`)).message, /cannot be read \(ENOTDIR\)/);
});

test("the library is given no environment of ours and the result holds only known settings", async () => {
  const path = join(scratch, "proto.yaml");
  writeFileSync(path, "__proto__: x\n");
  assert.match((await refusedAt(path)).message, /"__proto__" is not a setting/);
  writeFileSync(path, "constructor: x\n");
  assert.match((await refusedAt(path)).message, /"constructor" is not a setting/);
  writeFileSync(path, "data: /x\n");
  assert.deepEqual([...(await readConfigFile(path, "/home/h")).keys()], ["data"]);
});
