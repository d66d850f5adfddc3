import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { SkerryError } from "@skerry/core/contract/errors.ts";
import { Cli } from "../testing/run-cli.ts";
import { findAccount } from "./accounts.ts";
import { complaints, type Host, realHost } from "./host.ts";
import { installService, serviceStatus, uninstallService } from "./service.ts";
import { unitText } from "./unit.ts";

const PROGRAM = "/usr/bin/env";
const ME = userInfo().username;

let directory: string;
let calls: string[];
let says: (call: string) => { status: number | undefined; said: string };
let host: Host;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-service-"));
  calls = [];
  says = () => ({ status: 0, said: "" });
  host = {
    uid: 0,
    systemUnits: join(directory, "system"),
    userUnits: join(directory, "user"),
    hasSystemd: async () => true,
    run: async (program, argv) => {
      const call = [program, ...argv].join(" ");
      calls.push(call);
      return says(call);
    },
  };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const service = (more: { isUser?: boolean; name?: string } = {}) => ({ host, name: "skerry", isUser: false, ...more });
const install = (more: Partial<Parameters<typeof installService>[0]> = {}) =>
  installService({
    ...service(),
    program: PROGRAM,
    data: join(directory, "data"),
    storageDirectories: [],
    runAs: ME,
    engine: false,
    start: true,
    env: { HOME: directory },
    ...more,
  });
const systemctl = () => calls.filter((call) => call.startsWith("systemctl"));
async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail("it was done"),
    (thrown: SkerryError) => thrown,
  );
  return `${error.code}${error.reason === undefined ? "" : `/${error.reason}`}: ${error.message}`;
}

describe("the service", () => {
  test("is installed, brought up to date, left as it is, and removed with its data kept", async () => {
    const storage = join(directory, "disk");
    const made = await install({ storageDirectories: [storage] });
    assert.deepEqual([made.result, made.unit], ["created", "skerry.service"]);
    assert.deepEqual(systemctl(), ["systemctl daemon-reload", "systemctl enable --now skerry.service"]);
    const path = join(host.systemUnits, "skerry.service");
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    for (const made of [join(directory, "data"), storage]) assert.equal((await stat(made)).mode & 0o777, 0o700, made);
    assert.equal((await install({ storageDirectories: [storage] })).result, "unchanged");
    assert.equal((await install()).result, "updated");
    assert.doesNotMatch(await readFile(path, "utf8"), /disk/);
    calls = [];
    await uninstallService(service());
    assert.deepEqual(systemctl(), ["systemctl disable --now skerry.service", "systemctl daemon-reload"]);
    assert.deepEqual(await readdir(host.systemUnits), []);
    assert.ok((await stat(join(directory, "data"))).isDirectory());
    assert.match(await refusal(uninstallService(service())), /^not_found: /);
  });

  test("of one's own asks one's own manager, and is not started when that is not wanted", async () => {
    await install({ isUser: true, start: false });
    assert.deepEqual(systemctl(), ["systemctl --user daemon-reload", "systemctl --user enable skerry.service"]);
    const text = await readFile(join(host.userUnits, "skerry.service"), "utf8");
    assert.match(text, /^WantedBy=default\.target$/m);
    assert.doesNotMatch(text, /^(User|ProtectSystem|CapabilityBoundingSet)=/m);
  });

  test("without systemd, without the right, over a foreign unit, with a name that is none: refused, nothing done", async () => {
    host = { ...host, hasSystemd: async () => false };
    assert.match(await refusal(install()), /^unsupported\/platform: .*not run by systemd/);
    assert.match(await refusal(uninstallService(service())), /^unsupported\/platform: /);
    assert.match(await refusal(serviceStatus(service())), /^unsupported\/platform: /);
    host = { ...host, hasSystemd: async () => true, uid: 1000 };
    assert.match(await refusal(install()), /^forbidden: /);
    assert.match(await refusal(uninstallService(service())), /^forbidden: /);
    host = { ...host, uid: 0 };
    assert.match(await refusal(install({ name: "../evil" })), /^invalid: /);
    assert.match(await refusal(uninstallService(service({ name: "a/b" }))), /^invalid: /);
    assert.match(await refusal(install({ runAs: "no-such-user" })), /^not_found: /);
    assert.deepEqual(systemctl(), []);
    assert.deepEqual(await readdir(directory), []);
    await install();
    const path = join(host.systemUnits, "skerry.service");
    await writeFile(path, "[Service]\nExecStart=/bin/true\n");
    calls = [];
    assert.match(await refusal(install()), /^conflict\/exists: /);
    assert.match(await refusal(uninstallService(service())), /^conflict\/exists: /);
    assert.deepEqual(systemctl(), []);
    assert.equal(await readFile(path, "utf8"), "[Service]\nExecStart=/bin/true\n");
  });

  test("what systemd says against it is told", async () => {
    says = (call) => ({ status: 1, said: call.includes("verify") ? "/x/skerry.service:3: Unknown key" : "" });
    assert.match(await refusal(install()), /^internal: .*Unknown key/);
    assert.deepEqual(systemctl(), []);
    says = (call) => (call.includes("enable") ? { status: 1, said: "no bus" } : { status: 0, said: "" });
    assert.match(await refusal(install()), /^unavailable: systemctl enable --now skerry\.service failed: no bus/);
    says = () => ({ status: undefined, said: "" });
    assert.match(await refusal(install()), /^unavailable: systemctl daemon-reload failed/);
  });

  test("its status is systemd's", async () => {
    says = () => ({
      status: 0,
      said: "ActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=77\nExecMainStatus=0",
    });
    await install();
    const running = await serviceStatus(service());
    assert.deepEqual(
      [running.installed, running.state, running.startsAtBoot, running.pid, running.lastStatus],
      [true, "active (running)", true, 77, undefined],
    );
    says = () => ({
      status: 0,
      said: "ActiveState=failed\nSubState=failed\nUnitFileState=disabled\nMainPID=0\nExecMainStatus=2",
    });
    const ended = await serviceStatus(service({ name: "other" }));
    assert.deepEqual([ended.installed, ended.startsAtBoot, ended.pid, ended.lastStatus], [false, false, undefined, 2]);
  });

  test("the commands say what this machine is", async (t) => {
    await using cli = await Cli.create();
    const shown = await cli.run(["service", "install", "--dry-run", "--data", cli.path("data"), "-o", "json"]);
    assert.equal(shown.status, 0, shown.stderr);
    const { path, text } = JSON.parse(shown.stdout) as { path: string; text: string };
    assert.equal(path, "/etc/systemd/system/skerry.service");
    assert.match(text, /^ExecStart=\S+\/daemon\/bin\/skerryd --data /m);
    assert.ok(!(await readdir(cli.directory)).includes("data"), "nothing is made");
    if (await realHost({}).hasSystemd()) return t.diagnostic("systemd runs here: its units are left alone");
    for (const verb of ["install", "uninstall", "status"]) {
      const { status, stderr } = await cli.run(["service", verb]);
      assert.equal(status, 9, stderr);
      assert.match(stderr, /This machine is not run by systemd/);
    }
  });
});

describe("the unit", () => {
  const unit = (more: Partial<Parameters<typeof unitText>[0]> = {}) =>
    unitText({
      program: PROGRAM,
      argv: ["--data", "/srv/d"],
      writes: ["/srv/d"],
      runAs: "root",
      engine: false,
      ...more,
    });

  test("takes every word literally, and refuses what no line can hold", () => {
    const path = '/srv/a b"c\\d$HOME%h';
    const text = unit({ argv: ["--data", path], writes: [path] });
    assert.ok(text.includes('ExecStart=/usr/bin/env --data "/srv/a b\\"c\\\\d$$HOME%%h"\n'), text);
    assert.ok(text.includes('ReadWritePaths="/srv/a b\\"c\\\\d$HOME%%h"\n'), text);
    for (const bad of ["/srv/a\nExecStart=/bin/evil", "/srv/\x1b[2J"]) {
      assert.throws(() => unit({ writes: [bad] }), { code: "invalid" });
      assert.throws(() => unit({ argv: ["--data", bad] }), { code: "invalid" });
    }
  });

  test("gives the rights that are asked for, and hides homes unless something lies there", () => {
    assert.match(unit(), /^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m);
    assert.match(unit(), /^ProtectHome=yes$/m);
    const engine = unit({ engine: true, runAs: "skerry", program: "/home/x/skerryd" });
    assert.match(engine, /^CapabilityBoundingSet=.*CAP_NET_ADMIN/m);
    assert.match(engine, /^SupplementaryGroups=docker$/m);
    assert.match(engine, /^ProtectHome=read-only$/m);
  });

  test("is one that systemd reads", async (t) => {
    const real = realHost({});
    if (!hasAnalyze()) {
      assert.notEqual(process.env["SKERRY_TEST_TIER"], "full", "the full tier has systemd-analyze");
      t.diagnostic("systemd-analyze is not here: the unit is not verified");
      return assert.equal(await complaints(real, "skerry.service", unit(), false), undefined);
    }
    assert.equal(await complaints(real, "skerry.service", unit(), false), undefined);
    assert.equal(await complaints(real, "skerry.service", unit({ engine: true }), false), undefined);
    assert.match(
      (await complaints(real, "skerry.service", `${unit()}[Service]\nNoSuchKey=1\n`, false)) ?? "",
      /NoSuchKey/,
    );
    const ofUser = unitText({ program: PROGRAM, argv: [], writes: ["/srv/d"], engine: false });
    assert.equal(await complaints(real, "skerry.service", ofUser, true), undefined);
    const lost = unit({ program: "/nowhere/skerryd" });
    assert.match((await complaints(real, "skerry.service", lost, false)) ?? "", /not executable/);
  });

  test("leaves little for somebody who takes the daemon over, by systemd's own measure", async (t) => {
    if (!hasAnalyze()) return t.diagnostic("systemd-analyze is not here: the unit is not measured");
    const directory = await mkdtemp(join(tmpdir(), "skerry-exposure-"));
    try {
      const path = join(directory, "skerry.service");
      for (const [engine, most] of [
        [false, 21],
        [true, 23],
      ] as const) {
        await writeFile(path, unit({ engine, runAs: "daemon" }));
        const argv = ["security", "--offline=yes", `--threshold=${most}`, path];
        // Its status says whether the measure, in tenths, is below.
        execFileSync("systemd-analyze", argv, { stdio: "ignore" });
      }
      await writeFile(path, "[Service]\nExecStart=/bin/true\n");
      const argv = ["security", "--offline=yes", "--threshold=25", path];
      assert.throws(
        () => execFileSync("systemd-analyze", argv, { stdio: "ignore" }),
        "a unit without bounds is beyond it",
      );
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test("waits for the disks that it writes to, and keeps compiled code to itself", () => {
    assert.match(unit({ writes: ["/srv/a", "/mnt/b c"] }), /^RequiresMountsFor=\/srv\/a "\/mnt\/b c"$/m);
    assert.match(unit(), /^CacheDirectoryMode=0700$/m);
  });
});

test("accounts are found by name and uid", async () => {
  assert.equal((await findAccount({ name: ME })).uid, userInfo().uid);
  assert.equal((await findAccount({ uid: userInfo().uid })).name, ME);
  await assert.rejects(findAccount({ uid: 123_456_789 }), { code: "not_found" });
});

function hasAnalyze(): boolean {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
