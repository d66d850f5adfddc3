/** The commands for containers, alone with what the cloud may say. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { tarOfFile } from "@skerry/core/contract/one-file-tar.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { CONTAINERS, can, meta } from "../../testing/canned.ts";
import { FakeCloud } from "../../testing/fake-cloud.ts";
import { Cli, interrupted } from "../../testing/run-cli.ts";

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

const [WEB] = CONTAINERS;
/** What `container.get` says from now on. */
function becomes(status: object, spec: object = {}): void {
  cloud.answers.set("container.get", () => ({
    ...WEB,
    spec: { ...WEB?.spec, ...spec },
    status: { state: "running", startedGeneration: 1, restarts: 0, ...status },
  }));
}

test("one that ended well shows what it said last, too, harmless and beside the result", async () => {
  becomes({ state: "exited", exitCode: 0, lastLines: ["row \x1b[31m1", "row 2"] });
  const { status, stdout, stderr } = await cli.run(["run", "site:2", "--name", "web"]);
  assert.deepEqual([status, stdout], [0, "container/web exited\n"]);
  assert.equal(stderr, "It said last:\n  row \\x1b[31m1\n  row 2\n");
  const json = await cli.run(["run", "site:2", "--name", "web", "-o", "json"]);
  assert.deepEqual([json.stderr, (JSON.parse(json.stdout) as { kind: string }).kind], ["", "container"]);
  becomes({ state: "exited", exitCode: 0 });
  assert.equal((await cli.run(["run", "site:2", "--name", "web"])).stderr, "");
});

test("Ctrl-C while run waits says that the container stays, and how it goes", async () => {
  const { signal, press } = interrupted();
  becomes({ state: "pending" });
  const { answers } = cloud;
  const pending = answers.get("container.get");
  answers.set("container.get", (request) => {
    press();
    return pending?.(request);
  });
  const { status, stderr } = await cli.run(["run", "site:2", "--name", "web", "--project", "p"], { signal });
  assert.equal(status, 130);
  assert.match(stderr, /^interrupted: the container web is declared and stays; skerry container rm web --project p /);
});

test("without its engine a container's change is told at once: declared it is, and why it waits", async () => {
  const reason = "The container engine at /run/docker.sock does not answer. Is it running?";
  becomes({ state: "unknown", reason }, { running: false });
  const stopped = await cli.run(["stop", "web"]);
  assert.equal(stopped.status, 8, stopped.stderr);
  assert.match(stopped.stderr, /declared to stop, and cannot be stopped now: The container engine at .* Is it running/);
  assert.match(stopped.stderr, /it stops when the container engine is back/);
  becomes({ state: "unknown", reason });
  const run = await cli.run(["run", "site:2", "--name", "web"]);
  assert.equal(run.status, 8, run.stdout);
  assert.match(run.stderr, /declared to run, and whether it does cannot be seen now: The container engine/);
  assert.doesNotMatch(run.stderr, /stay up|It said/);
  const limited = await cli.run(["container", "update", "web", "--memory", "1g"]);
  assert.equal(limited.status, 8, limited.stdout);
  assert.match(limited.stderr, /declared so, and cannot be changed now: The container engine/);
  const labelled = await cli.run(["container", "update", "web", "--label", "a=b"]);
  assert.equal(labelled.status, 0, "labels need no engine");
});
