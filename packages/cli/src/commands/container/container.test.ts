/** The commands for containers, alone with what the cloud may say. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { tarOfFile } from "@skerry/core/contract/one-file-tar.ts";
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

function tarOf(content: Buffer): Promise<Buffer> {
  const file = { name: "motd", sizeBytes: content.length, mode: 0o644, modifiedMs: 0, bytes: Readable.from([content]) };
  return Array.fromAsync(tarOfFile(file)).then(Buffer.concat);
}

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

test("cp to - writes the bytes and nothing else; a terminal gets them without control characters", async () => {
  const content = Buffer.from("a\x1b[31m\x00\xff\n", "latin1");
  cloud.answers.set("container.files.read", () => tarOf(content));
  const argv = ["container", "cp", "web:/etc/motd", "-"];
  const piped = await cli.run(argv, { stdin: "" });
  assert.deepEqual([piped.status, piped.stdout, piped.stderr], [0, content.toString(), ""]);
  assert.ok(!existsSync("-"), "no file is named so");
  assert.equal((await cli.run([...argv, "-o", "json"])).stdout, content.toString());
  const shown = await cli.run(argv, { tty: { columns: 80 } });
  assert.equal(shown.status, 0, shown.stderr);
  assert.doesNotMatch(shown.stdout, /[\x00\x1b]/);
  assert.equal((await cli.run([...argv, "--raw"], { tty: { columns: 80 } })).stdout, content.toString());
  const idle = await cli.run(["container", "cp", "web:/etc/motd", cli.path("motd"), "--raw"]);
  assert.deepEqual([idle.status, /--raw is about -/.test(idle.stderr)], [2, true], idle.stderr);
});

test("cp from - is refused before the cloud is asked, and says what does it", async () => {
  for (const [place, file] of [
    ["web:/etc/motd", "/etc/motd"],
    ["web:/etc/", "/etc/NAME"],
  ] as const) {
    const { status, stderr } = await cli.run(["container", "cp", "-", place], { stdin: "x" });
    assert.equal(status, 2);
    assert.ok(stderr.includes(`skerry exec web -- tee ${file}\n`), stderr);
  }
  assert.equal(cloud.requests.length, 0);
});
