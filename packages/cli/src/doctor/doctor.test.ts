import assert from "node:assert/strict";
import { mkdir, symlink } from "node:fs/promises";
import { test } from "node:test";
import type { Finding } from "@skerry/core/contract/present/doctor.ts";
import { writeContexts } from "../context/contexts.ts";
import { can } from "../testing/canned.ts";
import { FakeCloud, refuse } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

/** What it finds of the cloud, when its daemon runs on this machine's data directory. */
async function doctor(prepare: (cloud: FakeCloud) => void, argv: readonly string[] = []) {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create();
  can(cloud);
  prepare(cloud);
  const socketPath = cli.path("data", "run", "api.sock");
  await mkdir(cli.path("data", "run"), { recursive: true, mode: 0o700 });
  await symlink(cloud.socketPath, socketPath);
  await writeContexts(cli.env, { current: "here", contexts: [{ name: "here", socketPath, token: "sky_x" }] });
  const flags = ["--data", cli.path("data"), "--listen-api", "127.0.0.1:0"];
  return await cli.run(["doctor", ...flags, ...argv]);
}
const healthy = (cloud: FakeCloud): void => {
  const status = cloud.answers.get("node.status") ?? assert.fail();
  cloud.answers.set("node.status", (request) => ({ ...(status(request) as object), problems: [] }));
};
const job = (more: object) => (cloud: FakeCloud) => {
  healthy(cloud);
  const items = [{ name: "index.verify", summary: "Looks", state: "idle", runs: 1, failures: 0, ...more }];
  cloud.answers.set("job.list", () => ({ items, revision: 1 }));
};
async function cloudFindings(prepare: (cloud: FakeCloud) => void) {
  const { status, stdout, stderr } = await doctor(prepare, ["-o", "json"]);
  const findings = JSON.parse(stdout) as Finding[];
  assert.equal(status, findings.some(({ state }) => state === "fault") ? 1 : 0, stderr);
  return findings.filter(({ check }) => ["cloud", "index", "version"].includes(check));
}
const said = (findings: readonly Finding[]) => findings.map(({ check, state, what }) => `${state} ${check} ${what}`);

test("a fault ends it with status 1, and says what to do; names cannot steer the terminal", async () => {
  const { status, stdout, stderr } = await doctor(() => undefined);
  assert.equal(status, 1, stderr);
  assert.match(stdout, /^fault +cloud +chunkserver s3 does not answer: \\x1b\[2Jits disk is gone\.\n +skerry status/m);
  // One more where temporary files lie in memory.
  assert.match(stdout, /^(1 fault|2 faults), /m);
  assert.ok(!stdout.includes("\x1b"));
});

test("versions, problems and the soundness of the index", async () => {
  const sound = await cloudFindings(job({ lastRunAt: "2026-08-02T11:30:00.000Z" }));
  assert.deepEqual(said(sound), [
    "ok version Skerry 0.1.0, the daemon too",
    "ok cloud Store, index and storage are as they should be",
    "ok index Every row of the object index was sound, 30 min ago",
  ]);
  const broken = await cloudFindings(job({ failures: 1, lastError: "row 7 does not match its checksum" }));
  assert.match(said(broken).join(), /fault index The object index is not sound: row 7/);
  const running = await cloudFindings(job({ state: "running" }));
  assert.match(said(running).join(), /ok index Every row of the object index is being looked at/);
  const other = await cloudFindings((cloud) => {
    healthy(cloud);
    const status = cloud.answers.get("node.status") ?? assert.fail();
    cloud.answers.set("node.status", (request) => ({ ...(status(request) as object), version: "0.0.9" }));
  });
  assert.match(said(other).join(), /warning version This is Skerry 0\.1\.0, and the daemon is 0\.0\.9/);
});

test("who may not ask, and another cloud's context, take nothing from the rest", async () => {
  const member = await cloudFindings((cloud) => {
    for (const route of cloud.answers.keys()) cloud.answers.set(route, refuse("forbidden", "You may not."));
  });
  assert.deepEqual(said(member), ["ok cloud The daemon did not say how it is (You may not.)"]);
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  const { stdout } = await cli.run(["doctor", "--data", cli.path("data"), "--listen-api", "127.0.0.1:0", "-o", "name"]);
  assert.ok(!stdout.split("\n").includes("cloud"), stdout);
  assert.deepEqual(cloud.requests, []);
});

test("a configuration that cannot be read is a fault", async () => {
  await using cli = await Cli.create();
  const { status, stdout } = await cli.run(["doctor", "--config", "/nowhere.yaml"]);
  assert.equal(status, 1);
  assert.match(stdout, /^fault +configuration +.*nowhere\.yaml/);
});
