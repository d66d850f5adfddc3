import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isError } from "../domain/errors.ts";
import { realDisk as disk } from "./disk.ts";
import { realRandom as random } from "./random.ts";
import { openSealer } from "./sealing.ts";

test("a secret opens with its key and for its purpose only, also after a restart, and never looks the same twice", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-seal-"));
  try {
    const path = join(directory, "master.key");
    const sealer = await openSealer({ disk, random, path, mayCreate: true });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const sealed = sealer.seal("a planted secret", "certificate/a");
    assert.ok(!Buffer.from(sealed.slice(3), "base64url").includes("planted"));
    assert.notEqual(sealer.seal("a planted secret", "certificate/a"), sealed);
    const again = await openSealer({ disk, random, path, mayCreate: false });
    assert.equal(again.open(sealed, "certificate/a"), "a planted secret");
    const corrupt = (error: unknown) => isError(error, "internal/corrupt") && !error.message.includes("planted");
    assert.throws(() => again.open(sealed, "certificate/b"), corrupt);
    for (let at = 0; at < sealed.length; at += 7) {
      const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
      assert.throws(() => again.open(changed, "certificate/a"), corrupt, `${at}`);
    }
    for (const text of ["", "v1.", "v2.abc", sealed.slice(0, 20)]) assert.throws(() => again.open(text, "x"), corrupt);
    const key = await readFile(path);
    await writeFile(path, key.subarray(1));
    await assert.rejects(openSealer({ disk, random, path, mayCreate: true }), corrupt);
    await rm(path);
    await assert.rejects(openSealer({ disk, random, path, mayCreate: false }), corrupt);
    const other = await openSealer({ disk, random, path, mayCreate: true });
    assert.throws(() => other.open(sealed, "certificate/a"), corrupt);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
