/** Each check against a machine with a fault in it: a real one where that can be made, else in an answer. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { CHECKS, diagnose } from "./doctor.ts";
import { type FileFacts, type Machine, realMachine } from "./machine.ts";

let directory: string;
let data: string;
const servers: { close(callback: () => void): unknown }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-doctor-"));
  data = join(directory, "data");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise<void>((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

/** A data directory as a daemon leaves it, as far as the checks look. */
async function makeData(): Promise<void> {
  for (const folder of ["store", "index", "run", "storage/s1", "storage/s2", "storage/s3"]) {
    await mkdir(join(data, folder), { recursive: true, mode: 0o700 });
  }
  const cluster = "a".repeat(26);
  const file = { format: 1, cluster, createdAt: "2026-08-01T00:00:00.000Z", skerry: "0.1.0", populated: true };
  await writeFile(join(data, "cluster.json"), JSON.stringify(file));
  await writeFile(join(data, "store", "store.db"), "x");
  await writeFile(join(data, "index", "index.sqlite"), "x");
}

interface Asked {
  readonly machine?: Partial<Machine>;
  readonly argv?: readonly string[];
}

/** What this check finds: `state: what`. The engine and the clock of the machine that tests are not what is tested. */
async function found(check: string, { machine = {}, argv = [] }: Asked = {}): Promise<string[]> {
  const quiet: Partial<Machine> = {
    run: async () => undefined,
    look: async () => ({ state: "ok", what: "it is sound" }),
  };
  const { findings } = await diagnose({
    argv: ["--data", data, ...(argv.includes("--listen-api") ? [] : ["--listen-api", "127.0.0.1:0"]), ...argv],
    env: { HOME: directory },
    machine: { ...realMachine, ...quiet, ...machine },
  });
  for (const { check: name, state, what, todo } of findings) {
    assert.ok(/^[a-z-]+$/.test(name) && what !== "", name);
    assert.equal(todo !== undefined, state !== "ok", `${name}: what to do comes with what is wrong, and only then`);
  }
  return findings.filter((one) => one.check === check).map(({ state, what }) => `${state}: ${what}`);
}

async function is(check: string, asked: Asked, says: RegExp): Promise<void> {
  const findings = await found(check, asked);
  assert.ok(
    findings.some((one) => says.test(one)),
    `${check}: ${findings.join("; ")}`,
  );
}

const statOf =
  (path: string, facts: Partial<FileFacts> | undefined): Machine["stat"] =>
  async (asked) => {
    const real = await realMachine.stat(asked);
    if (asked !== path) return real;
    return facts === undefined ? undefined : { ...(real ?? NOTHING), ...facts };
  };
const NOTHING: FileFacts = { kind: "file", uid: 0, mode: 0o600, device: 1, modifiedMs: 0 };
const textOf =
  (path: string, text: string | undefined): Machine["text"] =>
  (asked) =>
    asked === path ? Promise.resolve(text) : realMachine.text(asked);

async function listening(server: Server | ReturnType<typeof createHttpServer>, at: string | number): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) =>
    typeof at === "string" ? server.listen(at, resolve) : server.listen(at, "127.0.0.1", resolve),
  );
  return typeof at === "string" ? 0 : (server.address() as AddressInfo).port;
}

describe("doctor", () => {
  test("every check looks at a machine that is well, before the first start and after it", async () => {
    for (const prepare of [async () => undefined, makeData]) {
      await prepare();
      for (const { name } of CHECKS) assert.ok((await found(name)).length > 0, name);
      for (const name of ["data-directory", "data", "clock", "node", "kernel", "ports"]) {
        await is(name, { machine: { uid: process.getuid?.() ?? 0 } }, /^ok: /);
      }
    }
  });

  test("a configuration that is wrong is the only finding, with its place", async () => {
    const loud = await found("configuration", { argv: ["--log-level", "loud"] });
    assert.match(loud.join(), /^fault: --log-level: "loud" is not one of/);
    const { findings } = await diagnose({ argv: ["--log-lvel", "info"], env: { HOME: directory } });
    assert.deepEqual(
      findings.map(({ check, state }) => [check, state]),
      [["configuration", "fault"]],
    );
  });

  test("the data directory: mode, owner, a link, no directory, not to be made, read-only", async () => {
    const check = "data-directory";
    await writeFile(data, "");
    await is(check, {}, /fault: .* is not a directory/);
    await rm(data);
    await makeData();
    await chmod(data, 0o750);
    await is(check, {}, /fault: .* mode 0750/);
    await chmod(data, 0o700);
    await is(check, { machine: { uid: 4242 } }, /fault: .* belongs to the user with uid \d+, and this is uid 4242/);
    await is(check, { machine: { mayUse: async () => false } }, /fault: .* cannot be written/);
    await symlink(data, join(directory, "link"));
    const { findings } = await diagnose({ argv: ["--data", join(directory, "link")], env: { HOME: directory } });
    assert.match(findings.find((one) => one.check === check)?.what ?? "", /is a symbolic link/);
    await rm(data, { recursive: true });
    await is(check, { machine: { mayUse: async () => false } }, /fault: .* this user may not make it/);
  });

  test("data that was there and is gone", async () => {
    await makeData();
    await rm(join(data, "index", "index.sqlite"));
    await is("data", {}, /fault: .*index\.sqlite is missing/);
    await writeFile(join(data, "cluster.json"), "{");
    await is("data", {}, /fault: .*cluster\.json is damaged/);
    await rm(join(data, "cluster.json"));
    await is("data", {}, /fault: .*cluster\.json is gone, and index and store are there/);
  });

  test("disks: full, nearly full, no inodes, in memory, far away, without O_DIRECT, fewer than copies", async () => {
    await makeData();
    const space = (more: object): Partial<Machine> => ({
      space: async (path) => ({ ...(await realMachine.space(path)), totalBytes: 100e9, freeBytes: 50e9, ...more }),
    });
    await is("disk-space", { machine: space({ freeBytes: 1e9 }) }, /fault: 954 MiB of .* no new data/);
    await is("disk-space", { machine: space({ freeBytes: 2e9 }) }, /warning: .* nearly/);
    await is("disk-space", { machine: space({ totalInodes: 1000, freeInodes: 3 }) }, /fault: Only 3 inodes/);
    await is("file-system", { machine: space({ type: 0x01021994 }) }, /fault: .* lies in memory/);
    await is("file-system", { machine: space({ type: 0x6969 }) }, /warning: .* lies on NFS/);
    const buffered = { ...space({ type: 0xef53 }), openDirect: async () => "EINVAL" };
    await is("file-system", { machine: buffered }, /warning: .* refuses O_DIRECT \(EINVAL\)/);
    await is("disks", {}, /warning: 3 copies on 1 file system/);
    const apart: Machine["stat"] = async (path) => {
      const real = await realMachine.stat(path);
      return real === undefined ? undefined : { ...real, device: Number(/s(\d)$/.exec(path)?.[1] ?? 9) };
    };
    await is("disks", { machine: { stat: apart } }, /ok: 3 copies on 3 file systems/);
  });

  test("storage directories that were there and are gone, as after a restore", async () => {
    await makeData();
    await writeFile(
      join(data, "chunkservers.json"),
      JSON.stringify({ format: 1, servers: { s1: {}, s2: {}, s3: {} } }),
    );
    await is("disks", {}, /warning: 3 copies on 1 file system/);
    await rm(join(data, "storage", "s2"), { recursive: true });
    await is("disks", {}, /warning: .*s2: 1 of 3 storage directories are not there/);
    await rm(join(data, "storage"), { recursive: true });
    await is("disks", {}, /fault: .*s3: 3 of 3 storage directories are not there, and have had replicas/);
  });

  test("the daemon: down, ready, not ready, silent", async () => {
    await makeData();
    await is("daemon", {}, /warning: No daemon runs/);
    await writeFile(join(data, "run", "pid"), `${process.pid}\n`);
    const socket = join(data, "run", "api.sock");
    let status = 200;
    const api = createHttpServer((_, answer) => answer.writeHead(status).end("the store takes no more writes\n"));
    await listening(api, socket);
    await is("daemon", {}, new RegExp(`ok: Process ${process.pid} is ready`));
    status = 503;
    await is("daemon", {}, /fault: Process \d+ is not ready: the store takes no more writes/);
    const refused = async () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
    await is("daemon", { machine: { ask: refused } }, /fault: Process \d+ does not answer .*ECONNREFUSED/);
    await writeFile(join(data, "run", "pid"), "4194305\n");
    await is("daemon", {}, /warning: No daemon runs/);
  });

  test("ports: held by somebody, held by the daemon, without the right", async () => {
    await makeData();
    const port = await listening(createServer(), 0);
    const argv = ["--data", data, "--listen-api", `127.0.0.1:${port}`];
    const ports = async (machine: Partial<Machine> = {}) => {
      const { findings } = await diagnose({ argv, env: { HOME: directory }, machine: { ...realMachine, ...machine } });
      const { state, what } = findings.find(({ check }) => check === "ports") ?? assert.fail();
      return `${state}: ${what}`;
    };
    assert.match(await ports(), new RegExp(`^fault: 127.0.0.1:${port} .* is held by process ${process.pid} \\(`));
    const unseen = { link: async () => undefined };
    const silent = async () => Promise.reject(Object.assign(new Error("no"), { code: "ETIMEDOUT" }));
    assert.match(await ports({ ...unseen, ask: silent }), /^fault: .* a process that this user cannot see/);
    assert.match(await ports({ tryListen: async () => "EACCES" }), /^fault: .* needs a right/);
    await writeFile(join(data, "run", "pid"), `${process.pid}\n`);
    assert.match(await ports(), /^ok: .* is the daemon's/);
  });

  test("ports that another user's Skerry has, or may have, are no faults of this user's", async () => {
    let body = "live\n";
    const api: number = await listening(
      createHttpServer(({ url, headers: { host } }, answer) => {
        const right = url === "/healthz/live" && host === `127.0.0.1:${api}`;
        answer.writeHead(right ? 200 : 404).end(body);
      }),
      0,
    );
    const http = await listening(createServer(), 0);
    const argv = ["--listen-api", `127.0.0.1:${api}`, "--listen-http", `127.0.0.1:${http}`];
    const ports = async (more: Partial<Machine> = {}) =>
      (await found("ports", { argv, machine: { link: async () => undefined, ...more } })).slice(0, 2);
    const [ofApi = "", ofHttp = ""] = await ports();
    assert.match(ofApi, /^warning: .* \(listen\.api\) answers as a Skerry, which another user runs/);
    assert.match(ofHttp, /^warning: .* \(listen\.http\) is held by .*; another user's Skerry answers at/);
    body = "<html>";
    for (const text of await ports()) assert.match(text, /^fault: .* a process that this user cannot see/);
    // As a directory of another user with mode 0700 answers.
    const hidden: Machine["stat"] = async (path) => {
      if (path.startsWith(join(data, "/"))) throw Object.assign(new Error("no"), { code: "EACCES" });
      return realMachine.stat(path);
    };
    for (const text of await ports({ stat: hidden })) {
      assert.match(text, /^warning: .*; it may be the daemon of .*, which is another user's/);
    }
    await is("daemon", { machine: { stat: hidden } }, /^warning: Whether a daemon runs on .* is for others to see/);
  });

  test("without systemd nobody is told to use it", async () => {
    await makeData();
    const code = async () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
    const todos = async (systemd: Partial<FileFacts> | undefined) => {
      const machine = { ...realMachine, ask: code, stat: statOf("/run/systemd/system", systemd) };
      const { findings } = await diagnose({ argv: ["--data", data], env: { HOME: directory }, machine });
      return ["daemon", "containers"].map((name) => findings.find(({ check }) => check === name)?.todo ?? "");
    };
    for (const todo of await todos({ kind: "directory" })) assert.match(todo, /systemctl start (skerry|docker)/);
    const [daemon = "", containers = ""] = await todos(undefined);
    assert.doesNotMatch(daemon, /systemctl/);
    assert.match(containers, /^service docker start/);
  });

  test("the clock: before its time, set back, not kept right", async () => {
    await makeData();
    await is("clock", { machine: { wallMs: () => 0 } }, /fault: The clock says 1970/);
    const later = new Date(Date.now() + 3_600_000);
    await is("clock", { machine: { run: async () => "no\n" } }, /warning: .* not kept right/);
    await is("clock", { machine: { run: async () => "yes\n" } }, /ok: .*, kept right/);
    await utimes(join(data, "store", "store.db"), later, later);
    await is("clock", {}, /fault: .* it was set back/);
  });

  test("user, Node, kernel, cgroups, firewall", async () => {
    await is("node", { machine: { nodeVersion: "20.1.0" } }, /fault: This is Node 20\.1\.0/);
    await is("node", { machine: { nodeVersion: "27.0.0" } }, /warning: /);
    await is("kernel", { machine: { tryListen: async () => "ENOTSUP" } }, /fault: Linux .*ENOTSUP/);
    const limits = textOf(
      "/proc/self/limits",
      "Max open files            256                  256                  files\n",
    );
    await is("user", { machine: { text: limits } }, /warning: .* may open 256 files/);
    const controllers = "/sys/fs/cgroup/cgroup.controllers";
    const v1 = (names: readonly string[]) => ({ text: textOf(controllers, undefined), names: async () => names });
    await is("cgroups", { machine: v1([]) }, /warning: There are no cgroups: containers get no limits/);
    await is(
      "cgroups",
      { machine: v1(["cpu", "memory", "pids", "blkio"]) },
      /^ok: cgroup version 1 with cpu, memory, pids/,
    );
    await is("cgroups", { machine: v1(["cpu", "memory"]) }, /warning: cgroup version 1 without pids/);
    await is("cgroups", { machine: { text: textOf(controllers, "cpu io\n") } }, /warning: .* without memory, pids/);
    await is("cgroups", { machine: { text: textOf(controllers, "cpu io memory pids\n") } }, /^ok: /);
    await is("firewall", {}, /warning: Neither nft nor iptables/);
    await is(
      "firewall",
      { machine: { run: async (name) => (name === "nft" ? "nftables v1\n" : undefined) } },
      /ok: nft/,
    );
  });

  test("the container engine: none, no right, silent, something else, too old", async () => {
    const code = (name: string): Partial<Machine> => ({
      ask: async () => Promise.reject(Object.assign(new Error("no"), { code: name })),
    });
    const says = (body: string): Partial<Machine> => ({ ask: async () => ({ status: 200, body }) });
    const without = { ...code("ENOENT"), run: async () => undefined };
    await is("containers", { machine: without }, /warning: There is no container engine/);
    const stopped = { ...code("ENOENT"), run: async () => "Docker version 20.10" };
    await is("containers", { machine: stopped }, /warning: The container engine is installed, and does not run/);
    await is("containers", { machine: code("EACCES") }, /warning: This user may not use the container engine/);
    await is("containers", { machine: code("ECONNREFUSED") }, /warning: .* does not answer \(ECONNREFUSED\)/);
    for (const body of ["<html>", "null", "{}"]) {
      await is("containers", { machine: says(body) }, /fault: What answers on .* is not a container engine/);
    }
    await is("containers", { machine: says('{"Version":"19.03","ApiVersion":"1.40"}') }, /fault: .* speaks API 1\.40/);
    await is("containers", { machine: says('{"Version":"28.1","ApiVersion":"1.50"}') }, /ok: Engine 28\.1, API 1\.50/);
  });

  test("a check that cannot look is a finding, and the others go on", async () => {
    const broken: Machine["space"] = () => Promise.reject(Object.assign(new Error("no"), { code: "EACCES" }));
    await makeData();
    await is("disk-space", { machine: { space: broken } }, /warning: This could not be looked at \(EACCES\)/);
    await is("containers", { machine: { space: broken } }, /./);
  });
});
