/** Kills the daemon with SIGKILL while resources and objects are written: what was acknowledged is there after the restart. */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const ROUNDS = process.env["SKERRY_TEST_TIER"] === "full" ? 200 : 8;
const WRITERS = 4;

/** What may be there: the last acknowledged state, or what a request that got no answer would have made of it. */
interface Expected {
  acknowledged: string | undefined;
  pending?: { value: string | undefined };
}

class Ledger {
  readonly objects = new Map<string, Expected>();
  readonly projects = new Map<string, Expected>();
  acknowledgedWrites = 0;

  async write(
    table: Map<string, Expected>,
    name: string,
    value: string | undefined,
    send: () => Promise<unknown>,
  ): Promise<void> {
    const entry: Expected = table.get(name) ?? { acknowledged: undefined };
    table.set(name, entry);
    entry.pending = { value };
    try {
      await send();
    } catch (error) {
      if (!isError(error, "unavailable")) throw error;
      return; // No answer: it may or may not have happened.
    }
    entry.acknowledged = value;
    delete entry.pending;
    this.acknowledgedWrites++;
  }
}

test(`kill -9 at ${ROUNDS} random moments loses nothing acknowledged`, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-kill-"));
  const data = join(directory, "data");
  const ledger = new Ledger();
  try {
    let token: string | undefined;
    // Always the same port, out of the system's range of free ones: it must be free at once after a kill.
    const listenApi = `127.0.0.1:${randomInt(10_000, 30_000)}`;
    for (let round = 0; round < ROUNDS; round++) {
      await using daemon = await startDaemonProcess({ data, listenApi });
      if (token === undefined) {
        token = await daemon.login();
        await daemon.client(token).call(bucketRoutes.create, { body: { name: "box" } });
      }
      await verify(daemon.client(token), ledger);
      const writers = Array.from({ length: WRITERS }, (_, i) => writeUntilGone(daemon, token as string, ledger, i));
      await sleep(randomInt(20, 600));
      await daemon.kill("SIGKILL");
      await Promise.all(writers);
    }
    await using daemon = await startDaemonProcess({ data, listenApi });
    await verify(daemon.client(token), ledger);
    t.diagnostic(`${ledger.acknowledgedWrites} acknowledged writes over ${ROUNDS} kills, all there`);
    assert.ok(ledger.acknowledgedWrites > ROUNDS * 3, "the writers wrote");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function writeUntilGone(daemon: DaemonProcess, token: string, ledger: Ledger, writer: number): Promise<void> {
  const client = daemon.client(token);
  for (let n = 0; ; n++) {
    const before = ledger.acknowledgedWrites;
    const name = `w${writer}-${randomInt(12)}`;
    // What is in doubt must be read before it is written again: the next start does that.
    const table = n % 3 === 0 ? ledger.projects : ledger.objects;
    if (table.get(name)?.pending !== undefined) continue;
    if (table === ledger.projects) await writeProject(client, ledger, name);
    else await writeObject(client, ledger, name);
    if (ledger.acknowledgedWrites === before && table.get(name)?.pending !== undefined) return;
  }
}

async function writeProject(client: Client, ledger: Ledger, name: string): Promise<void> {
  if (ledger.projects.get(name)?.acknowledged === undefined) {
    await ledger.write(ledger.projects, name, "there", () => client.call(projectRoutes.create, { body: { name } }));
  } else {
    await ledger.write(ledger.projects, name, undefined, () => client.call(projectRoutes.delete, { params: { name } }));
  }
}

async function writeObject(client: Client, ledger: Ledger, key: string): Promise<void> {
  const params = { bucket: "box", key };
  if (ledger.objects.get(key)?.acknowledged !== undefined && randomInt(4) === 0) {
    await ledger.write(ledger.objects, key, undefined, () => client.call(objectRoutes.delete, { params }));
    return;
  }
  const content = randomBytes(randomInt(4) === 0 ? randomInt(3_000_000) : randomInt(20_000));
  const digest = createHash("md5").update(content).digest("hex");
  const bytes = (async function* () {
    yield content;
  })();
  await ledger.write(ledger.objects, key, digest, () => client.upload(objectRoutes.put, { params, bytes }));
}

/** Reads everything back. What was in doubt is settled by what is there now. */
async function verify(client: Client, ledger: Ledger): Promise<void> {
  const listed = new Set<string>();
  const goes = new Set<string>();
  for await (const { meta } of client.items(projectRoutes.list)) {
    listed.add(meta.name);
    if (meta.deletingSince !== undefined) goes.add(meta.name);
  }
  for (const [name, entry] of ledger.projects) {
    settle(`project ${name}`, entry, listed.has(name) ? "there" : undefined);
    // A kill cut its deletion in half: a later start ends that, after a grace.
    if (goes.has(name)) entry.pending = { value: undefined };
  }
  for (const [key, entry] of ledger.objects) settle(`object ${key}`, entry, await readDigest(client, key));
}

function settle(what: string, entry: Expected, found: string | undefined): void {
  const allowed = [entry.acknowledged, ...(entry.pending === undefined ? [] : [entry.pending.value])];
  assert.ok(allowed.includes(found), `${what}: found ${found}, allowed ${allowed.join(" or ")}`);
  entry.acknowledged = found;
  delete entry.pending;
}

async function readDigest(client: Client, key: string): Promise<string | undefined> {
  try {
    const { body, headers } = await client.download(objectRoutes.get, { params: { bucket: "box", key } });
    const hash = createHash("md5");
    for await (const part of body) hash.update(part);
    const digest = hash.digest("hex");
    assert.equal(headers["etag"], `"${digest}"`, `${key} is whole`);
    return digest;
  } catch (error) {
    if (isError(error, "not_found")) return undefined;
    throw error;
  }
}
