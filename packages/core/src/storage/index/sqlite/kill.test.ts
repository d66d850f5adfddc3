import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ObjectIndex } from "../../../domain/objects.ts";
import { TIER_FULL } from "../samples.ts";
import { makeSite } from "./site.ts";

const ROUNDS = TIER_FULL ? 200 : 5;
const CLIENTS = 6;

test("kill -9 loses no acknowledged batch and leaves no half of one", async (t) => {
  const site = makeSite(t);
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const acks = await writeAndKill(site.directory, `round-${round}`);
    acknowledged += [...acks.values()].reduce((sum, last) => sum + last, 0);
    const index = await site.open();
    for (let client = 0; client < CLIENTS; client += 1)
      await assertWhole(index, `round-${round}/${client}/`, acks.get(client) ?? 0);
    await assertCounts(index);
    await index[Symbol.asyncDispose]();
  }
  t.diagnostic(`${ROUNDS} kills, ${acknowledged} batches acknowledged`);
  assert.ok(acknowledged >= ROUNDS);
});

/** Kills the writer at a random moment after its first batch. The last acknowledged number of each client. */
async function writeAndKill(directory: string, round: string): Promise<Map<number, number>> {
  const script = join(import.meta.dirname, "writer-child.ts");
  const child = spawn(process.execPath, ["--conditions=source", script, directory, round, String(CLIENTS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => {
    output += data;
  });
  const closed = once(child, "close");
  await Promise.race([once(child.stdout, "data"), closed]);
  await sleep(Math.random() * 100);
  child.kill("SIGKILL");
  const [, signal] = await closed;
  assert.equal(signal, "SIGKILL", "the writer ended by itself");
  const acks = new Map<number, number>();
  // A line that was cut by the kill is no acknowledgement.
  for (const line of output.slice(0, output.lastIndexOf("\n")).split("\n")) {
    const [client, number] = line.split(" ").map(Number);
    acks.set(client as number, number as number);
  }
  return acks;
}

async function assertWhole(index: ObjectIndex, folder: string, acknowledged: number): Promise<void> {
  const parts = new Map<number, string>();
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page = await index.list({ bucket: "b", prefix: folder, after });
    for (const { key } of page.objects) {
      const [number, part] = key.slice(folder.length).split("-");
      if (part !== undefined) parts.set(Number(number), (parts.get(Number(number)) ?? "") + part);
    }
    after = page.next;
  }
  for (let number = 1; number <= acknowledged; number += 1)
    assert.equal(parts.get(number), "xyz", `${folder}${number}`);
  for (const [number, found] of parts) assert.equal(found, "xyz", `half of ${folder}${number}`);
  const newest = await index.get("b", `${folder}newest`);
  assert.equal(Number(newest?.metadata["number"] ?? 0), parts.size, "the newest is of the last batch");
  assert.ok(parts.size >= acknowledged && parts.size <= acknowledged + 1, `${parts.size} of ${acknowledged}`);
}

/** The totals are what a count of everything gives. */
async function assertCounts(index: ObjectIndex): Promise<void> {
  const totals = await index.totals();
  const counts = { referenced: 0, garbage: 0 };
  for (let page = await index.chunks("", 1000); page.length > 0; page = await index.chunks(page.at(-1)?.id ?? "", 1000))
    for (const chunk of page) counts[chunk.referenced ? "referenced" : "garbage"] += 1;
  assert.deepEqual(counts, { referenced: totals.objects, garbage: totals.garbageChunks });
  assert.equal(totals.sizeBytes, totals.objects * 7);
}
