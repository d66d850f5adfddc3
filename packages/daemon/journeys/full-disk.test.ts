/** A disk that is full: no new data, but nothing is lost, and deletes work. On a small file system of memory. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

const run = promisify(execFile);
const SIZE = "128m";
const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

async function put(client: Client, key: string, content: Buffer): Promise<void> {
  const bytes = (async function* () {
    for (let i = 0; i < content.length; i += 65_536) yield content.subarray(i, i + 65_536);
  })();
  await client.upload(objectRoutes.put, { params: { bucket: "box", key }, bytes });
}

async function read(client: Client, key: string): Promise<Buffer> {
  const { body } = await client.download(objectRoutes.get, { params: { bucket: "box", key } });
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

test("a full disk answers 507, keeps the old object, and lets deletes make room", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-full-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=700`, "tmpfs", directory]);
    const data = join(directory, "data");
    await using daemon = await startDaemonProcess({ data });
    const client = daemon.client(await daemon.login());
    await client.call(bucketRoutes.create, { body: { name: "box" } });
    const old = randomBytes(300_000);
    await put(client, "kept", old);

    const full = (error: unknown) => isError(error, "exhausted/disk");
    let stored = 0;
    for (const sizeBytes of [5_000_000, 300_000, 20_000]) {
      for (; ; stored++) {
        const error: unknown = await put(client, `filler-${stored}`, randomBytes(sizeBytes)).catch((thrown) => thrown);
        if (error === undefined) continue;
        assert.ok(full(error), `507, not ${error}`);
        break;
      }
      t.diagnostic(`after ${stored} objects, each three times on ${SIZE}, one of ${sizeBytes} bytes gets 507`);
    }
    assert.ok(stored > 2);
    await assert.rejects(put(client, "kept", randomBytes(8_000_000)), full);
    assert.deepEqual(await read(client, "kept"), old, "the old object is intact");
    // Somebody else takes the rest of the disk, to the last byte.
    const { bavail, bsize } = await statfs(directory);
    await writeFile(join(directory, "others"), Buffer.alloc(bavail * bsize)).catch(() => undefined);
    const status = await client.call(nodeRoutes.status);
    assert.notEqual(status.state, "ok");
    t.diagnostic(status.problems.join(" | "));
    for (let i = 0; i < stored; i++) {
      await client.call(objectRoutes.delete, { params: { bucket: "box", key: `filler-${i}` } });
    }
    await rm(join(directory, "others"));
    for (let tries = 0; ; tries++) {
      const error: unknown = await put(client, "after", old).catch((thrown) => thrown);
      if (error === undefined) break;
      assert.ok(full(error) && tries < 600, String(error));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(await read(client, "after"), old);
    assert.equal(await daemon.kill("SIGTERM"), 0);
    await using again = await startDaemonProcess({ data });
    assert.deepEqual(await read(again.client(await again.login()), "kept"), old);
  } finally {
    await run("umount", ["-l", directory]).catch(() => undefined); // it may not have been mounted
    await rm(directory, { recursive: true, force: true });
  }
});

test("a backup is not unpacked where there is no room for it: that is said before, and nothing is left", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-full-"));
  const small = join(directory, "small");
  try {
    await run("mkdir", [small]);
    const env = { ...process.env, TMPDIR: directory, SKERRY_DATA: join(directory, "data"), SKERRY_TOKEN: "" };
    const backup = join(directory, "whole.backup");
    {
      await using daemon = await startDaemonProcess({ data: env.SKERRY_DATA });
      env.SKERRY_TOKEN = await daemon.login();
      await run(SKERRY, ["backup", "create", backup], { env });
    }
    const { size } = await stat(backup);
    await run("mount", ["-t", "tmpfs", "-o", `size=${Math.floor(size / 8192) * 4}k,mode=700`, "tmpfs", small]);
    for (const argv of [
      ["backup", "verify", backup],
      ["backup", "restore", backup, "--data", join(small, "data")],
    ]) {
      const failed = await run(SKERRY, argv, { env: { ...env, TMPDIR: small } }).then(
        () => assert.fail("there was room"),
        (error: { code: number; stderr: string }) => error,
      );
      assert.equal(failed.code, 7, failed.stderr);
      assert.match(
        failed.stderr,
        argv[1] === "verify" ? /no room in .*small(.|\n)*TMPDIR=DIR/ : /needs .* are free there/,
      );
    }
    const left = await readdir(small, { recursive: true });
    assert.deepEqual(
      left.filter((name) => !/^data(\/lock)?$/.test(name)),
      [],
    );
    // A directory that is not there is no riddle either.
    const lost = await run(SKERRY, ["backup", "verify", backup], { env: { ...env, TMPDIR: join(small, "no") } }).then(
      () => assert.fail("it was unpacked"),
      (error: { code: number; stderr: string }) => error,
    );
    assert.equal(lost.code, 8, lost.stderr);
    assert.match(lost.stderr, /cannot be unpacked in .*no \(ENOENT\)/);
  } finally {
    await run("umount", [small]).catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  }
});
