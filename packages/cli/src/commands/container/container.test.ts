/** The commands for containers, alone with what the cloud may say. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { CONTAINERS, can, meta } from "../../testing/canned.ts";
import { FakeCloud } from "../../testing/fake-cloud.ts";
import { Cli } from "../../testing/run-cli.ts";

let cloud: FakeCloud;
let cli: Cli;
beforeEach(async () => {
  cloud = await FakeCloud.start();
  can(cloud);
  cli = await Cli.create(cloud.socketPath);
});
afterEach(async () => {
  await cli[Symbol.asyncDispose]();
  await cloud[Symbol.asyncDispose]();
});

test("stats of all asks for each in its own project, some at once, and keeps the order", async () => {
  const items = Array.from({ length: 20 }, (_, i) => ({
    ...CONTAINERS[0],
    meta: meta(`c${i % 10}`, { project: i < 10 ? "projecta" : "projectb", projectName: i < 10 ? "amber" : "basil" }),
  }));
  cloud.answers.set("container.list", () => ({ items, revision: 1 }));
  let [open, most] = [0, 0];
  let waiting: (() => void)[] = [];
  cloud.answers.set("container.stats", async ({ params, query }) => {
    most = Math.max(most, ++open);
    // None is answered before as many wait as may.
    if (open < LIMITS.cli.maxStatsAtOnce && most < LIMITS.cli.maxStatsAtOnce) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    for (const go of waiting) go();
    waiting = [];
    open--;
    const cpu = Number(params["name"]?.slice(1)) + (query.get("project") === "projecta" ? 0 : 10);
    return { cpu, memoryBytes: 0, memoryLimitBytes: 1, pids: 1, receivedBytes: 0, sentBytes: 0 };
  });
  const { status, stdout, stderr } = await cli.run(["container", "stats"]);
  assert.equal(status, 0, stderr);
  const rows = stdout
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/ +/).slice(0, 3).join(" "));
  assert.deepEqual(
    rows,
    items.map((_, i) => `c${i % 10} ${i < 10 ? "amber" : "basil"} ${i}.00`),
  );
  assert.equal(most, LIMITS.cli.maxStatsAtOnce);
});
