/** Containers on a real engine: what they are, what they may reach, and that they come back whatever is killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

/** Ten times what is promised. */
const DEADLINE_MS = 60_000;
const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let daemon: DaemonProcess;
let admin: Client;
let other: Client;

function start(): Promise<DaemonProcess> {
  const argv = ["--engine-socket", engine.socketPath];
  return startDaemonProcess({ data: join(engine.directory, "skerry"), argv, wrap: engine.inNetwork });
}

before(async () => {
  engine = parts.use(await startEngineProcess());
  daemon = await start();
  parts.defer(() => daemon[Symbol.asyncDispose]());
  const token = await daemon.login();
  admin = daemon.client(token);
  const { password = "" } = await admin.call(userRoutes.create, { body: { name: "other" } });
  const theirs = await daemon.client().call(sessionRoutes.create, { body: { name: "other", password } });
  other = daemon.client(theirs.token);
  for (const client of [admin, other]) {
    await client.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  }
  await run(admin, "web", ["sh", "-c", "echo hello; echo bad >&2; httpd -f -p 80 -h /www"], {
    ...{ memoryBytes: 64 * 1024 * 1024, cpu: 0.5, pids: 20 },
    publish: [{ port: 80 }],
  });
  relogin = () => {
    admin = daemon.client(token);
    other = daemon.client(theirs.token);
  };
});
let relogin: () => void;
after(() => parts.disposeAsync());

type State = NonNullable<ContainerView["status"]>;

async function until(client: Client, name: string, holds: (status: State) => boolean): Promise<State> {
  const endMs = performance.now() + DEADLINE_MS;
  let status: ContainerView["status"];
  while (performance.now() < endMs) {
    ({ status } = await client.call(containerRoutes.get, { params: { name } }));
    if (status !== undefined && holds(status)) return status;
    await sleep(50);
  }
  throw new Error(`${name} is ${JSON.stringify(status)}`);
}

async function run(client: Client, name: string, command: readonly string[], spec: object = {}): Promise<State> {
  const body = { name, spec: { image: "box", command: [...command], ...spec } };
  await client.call(containerRoutes.create, { body });
  return until(client, name, ({ state }) => state === "running");
}

async function exec(client: Client, name: string, script: string): Promise<{ text: string; code: number }> {
  const command = JSON.stringify(["sh", "-c", `${script} 2>&1`]);
  using terminal = await client.terminal(containerRoutes.exec, { params: { name }, query: { command } });
  terminal.endInput();
  let text = "";
  for await (const { bytes } of terminal.output) text += Buffer.from(bytes).toString();
  return { text, code: await terminal.exitCode };
}

async function readLogs(client: Client, name: string, query: object = {}): Promise<string> {
  const { body } = await client.download(containerRoutes.logs, { params: { name }, query });
  let text = "";
  for await (const part of body) text += Buffer.from(part).toString();
  return text;
}

const docker = (...words: string[]) => engine.run("docker", "-H", `unix://${engine.socketPath}`, ...words);
const engineNameOf = async (name: string) =>
  `skerry-${(await admin.call(containerRoutes.get, { params: { name } })).meta.uid}`;

describe("a container on a real engine", () => {
  test("runs, speaks, takes commands, and has the limits that it was given", async () => {
    const status = await until(admin, "web", ({ ports }) => ports !== undefined);
    // Two pipes: which comes first is not known.
    assert.deepEqual((await readLogs(admin, "web")).split("\n").sort(), ["", "bad", "hello"]);
    assert.match(await readLogs(admin, "web", { timestamps: "1", tail: 1 }), /^\d{4}-\d\d-\d\dT\S+ (bad|hello)\n$/);
    assert.deepEqual(await exec(admin, "web", "exit 7"), { text: "", code: 7 });
    const [host = ""] = Object.values(status.ports ?? {});
    assert.match(host, /^127\.0\.0\.1:\d+$/);
    assert.equal(engine.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", `http://${host}/`), "404");
  });

  test("has no capability, no way to a new one, and bounds", async () => {
    const name = await engineNameOf("web");
    const [info] = JSON.parse(docker("inspect", name)) as { HostConfig: Record<string, unknown> }[];
    const host = info?.HostConfig ?? {};
    assert.deepEqual(host["CapDrop"], ["ALL"]);
    assert.deepEqual(host["SecurityOpt"], ["no-new-privileges"]);
    assert.equal(host["Memory"], 64 * 1024 * 1024);
    assert.equal(host["MemorySwap"], host["Memory"]);
    assert.equal(host["PidsLimit"], 20);
    assert.equal(host["NanoCpus"], 0.5e9);
    assert.equal(host["Privileged"], false);
    assert.deepEqual(host["RestartPolicy"], { Name: "no", MaximumRetryCount: 0 });
    const { text } = await exec(admin, "web", "grep -E 'Cap|NoNewPrivs' /proc/self/status");
    for (const kind of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.match(text, new RegExp(`${kind}:\\s+0000000000000000`));
    }
    assert.match(text, /NoNewPrivs:\s+1/);
    assert.notEqual((await exec(admin, "web", "mount -t tmpfs x /tmp")).code, 0);
    assert.notEqual((await exec(admin, "web", "chown 1 /www")).code, 0);
  });

  test("takes other limits while it runs", async () => {
    const before = await until(admin, "web", ({ state }) => state === "running");
    const spec = { cpu: 0.25, memoryBytes: 96 * 1024 * 1024, pids: 30 };
    await admin.call(containerRoutes.update, { params: { name: "web" }, body: { spec } });
    const now = await until(admin, "web", ({ limits }) => limits?.pids === 30);
    assert.deepEqual(now.limits, spec);
    assert.equal(now.startedAt, before.startedAt, "it was not started again");
    // As the kernel has it: version 2 or 1 of its control groups.
    const { text } = await exec(
      admin,
      "web",
      "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes",
    );
    assert.match(text, new RegExp(`^${spec.memoryBytes}$`, "m"));
    const [info] = JSON.parse(docker("inspect", await engineNameOf("web"))) as {
      HostConfig: Record<string, unknown>;
    }[];
    assert.equal(info?.HostConfig["PidsLimit"], 30);
    assert.equal(info?.HostConfig["NanoCpus"], 0.25e9);
    // More than this machine has: the engine refuses it, and it runs on.
    await admin.call(containerRoutes.update, { params: { name: "web" }, body: { spec: { cpu: 250 } } });
    const refused = await until(admin, "web", ({ reason }) => reason !== undefined);
    assert.match(refused.reason ?? "", /limits that it had/);
    assert.equal(refused.limits?.cpu, 0.25);
    await admin.call(containerRoutes.update, { params: { name: "web" }, body: { spec } });
    await until(admin, "web", ({ reason }) => reason === undefined);
  });

  test("that needs more memory than it may have is ended, and its status says so", async () => {
    const script =
      "head -c 60000000 /dev/zero | tail | sleep 100 & x=$(head -c 60000000 /dev/zero | tr '\\0' x); echo done";
    const body = { name: "hungry", spec: { image: "box", command: ["sh", "-c", script], restart: "never" as const } };
    await admin.call(containerRoutes.create, {
      body: { ...body, spec: { ...body.spec, memoryBytes: 16 * 1024 * 1024 } },
    });
    const status = await until(admin, "hungry", ({ state }) => state === "exited");
    assert.equal(status.outOfMemory, true, JSON.stringify(status));
    await admin.call(containerRoutes.delete, { params: { name: "hungry" } });
  });

  test("that ends at once says what it said last", async () => {
    const spec = { image: "box", command: ["sh", "-c", "echo one; echo two; exit 3"], restart: "never" as const };
    await admin.call(containerRoutes.create, { body: { name: "brief", spec } });
    const status = await until(admin, "brief", ({ state }) => state === "exited");
    assert.equal(status.exitCode, 3);
    assert.deepEqual(status.lastLines, ["one", "two"]);
    await admin.call(containerRoutes.delete, { params: { name: "brief" } });
    assert.equal(docker("ps", "-aq", "--filter", "name=brief"), "");
  });
});

test("a volume outlives the container that wrote it, and a path of the machine is none", async () => {
  await admin.call(volumeRoutes.create, { body: { name: "data" } });
  const volumes = [{ name: "data", path: "/data" }];
  await run(admin, "writer", ["sh", "-c", "echo kept > /data/file; sleep 1000"], { volumes });
  await assert.rejects(admin.call(volumeRoutes.delete, { params: { name: "data" } }), { code: "conflict" });
  await admin.call(containerRoutes.delete, { params: { name: "writer" } });
  await run(admin, "reader", ["sleep", "1000"], { volumes });
  assert.equal((await exec(admin, "reader", "cat /data/file")).text, "kept\n");
  await admin.call(containerRoutes.delete, { params: { name: "reader" } });
  await admin.call(volumeRoutes.delete, { params: { name: "data" } });
  assert.equal(docker("volume", "ls", "-q"), "");
  for (const [name, path] of [
    ["/etc", "/data"],
    ["data", "/proc/x"],
    ["data", "/a/../b"],
    ["data", "data"],
  ]) {
    const spec = { image: "box", volumes: [{ name: name ?? "", path: path ?? "" }] };
    await assert.rejects(admin.call(containerRoutes.create, { body: { name: "no", spec } }), { code: "invalid" });
  }
});

describe("from inside a container", () => {
  let mine: State;
  let sibling: State;
  let theirs: State;

  before(async () => {
    mine = await until(admin, "web", ({ state }) => state === "running");
    sibling = await run(admin, "sibling", ["httpd", "-f", "-p", "80", "-h", "/www"]);
    theirs = await run(other, "web", ["httpd", "-f", "-p", "80", "-h", "/www"]);
  });

  /** Whether a TCP connection from the container comes about. */
  async function reaches(host: string, port: number): Promise<boolean> {
    return (await exec(admin, "web", `nc -w 1 ${host} ${port} </dev/null`)).code === 0;
  }

  test("the project's own containers answer, by name and address; other projects' do not", async () => {
    assert.equal(await reaches("sibling", 80), true);
    assert.equal(await reaches(sibling.address ?? "", 80), true);
    assert.equal(await reaches(theirs.address ?? "", 80), false);
    // It is there: this machine reaches it.
    engine.run("busybox", "nc", "-w", "2", theirs.address ?? "", "80");
  });

  test("containers of another network of the project do not answer, those of the same one do", async () => {
    await admin.call(networkRoutes.create, { body: { name: "back" } });
    const serve = ["httpd", "-f", "-p", "80", "-h", "/www"];
    const db = await run(admin, "db", serve, { network: "back" });
    await run(admin, "worker", ["sleep", "1000"], { network: "back" });
    assert.equal((await exec(admin, "worker", "nc -w 2 db 80 </dev/null")).code, 0);
    for (const host of ["db", db.address ?? ""]) assert.equal(await reaches(host, 80), false, host);
    assert.notEqual((await exec(admin, "worker", `nc -w 1 ${sibling.address} 80 </dev/null`)).code, 0);
    engine.run("busybox", "nc", "-w", "2", db.address ?? "", "80");
    const remove = () => admin.call(networkRoutes.delete, { params: { name: "back" } });
    await assert.rejects(remove(), { code: "conflict" });
    for (const name of ["db", "worker"]) await admin.call(containerRoutes.delete, { params: { name } });
    await remove();
    assert.doesNotMatch(docker("network", "ls"), /-back/);
  });

  test("nothing of this machine answers, whatever its address", async () => {
    const gateway = (mine.address ?? "").replace(/\d+$/, "1");
    const foreign = (theirs.address ?? "").replace(/\d+$/, "");
    const others = [foreign.concat(String(Number((theirs.address ?? "").split(".")[3]) - 1)), "172.17.0.1"];
    // Listens as a careless service does; the API and its peers listen on loopback besides.
    const [command = "", ...first] = engine.inNetwork;
    const listener = spawn(command, [...first, "busybox", "httpd", "-f", "-p", "0.0.0.0:7999", "-h", "/"]);
    try {
      await sleep(300);
      engine.run("busybox", "nc", "-w", "2", gateway, "7999");
      const apiPort = Number(new URL(daemon.apiUrl).port);
      for (const host of [gateway, ...others]) {
        for (const port of [7999, apiPort]) assert.equal(await reaches(host, port), false, `${host}:${port}`);
      }
    } finally {
      listener.kill("SIGKILL");
      await once(listener, "exit");
    }
  });

  test("without the rules it would: they are what keeps it away", async () => {
    const gateway = (mine.address ?? "").replace(/\d+$/, "1");
    const [command = "", ...first] = engine.inNetwork;
    const listener = spawn(command, [...first, "busybox", "httpd", "-f", "-p", "0.0.0.0:7999", "-h", "/"]);
    try {
      const endMs = performance.now() + LIMITS.compute.convergeEveryMs + DEADLINE_MS;
      // Once more when a look at the containers has mended it before we could see it.
      do {
        assert.ok(performance.now() < endMs, "it is not the rule that keeps it away");
        await sleep(100);
        engine.run("sh", "-c", "iptables -D INPUT -j SKERRY-HOST || true");
      } while (!(await reaches(gateway, 7999)));
      // The next look at the containers mends it.
      while (await reaches(gateway, 7999)) {
        assert.ok(performance.now() < endMs, "the rule is not back");
        await sleep(500);
      }
    } finally {
      listener.kill("SIGKILL");
      await once(listener, "exit");
    }
  });

  test("another user sees and touches none of it", async () => {
    const names = (await Array.fromAsync(other.items(containerRoutes.list))).map(({ meta }) => meta.project);
    assert.equal(new Set(names).size, 1);
    const project = "admin";
    for (const route of [containerRoutes.get, containerRoutes.logs, containerRoutes.stats]) {
      await assert.rejects(other.download(route, { params: { name: "web" }, query: { project } }), {
        code: "not_found",
      });
    }
    const query = { project, command: '["sh"]' };
    await assert.rejects(other.terminal(containerRoutes.exec, { params: { name: "web" }, query }), {
      code: "not_found",
    });
    const { items } = await other.call(imageRoutes.list);
    assert.deepEqual(
      items.map(({ name }) => name),
      ["box:latest"],
    );
  });
});

describe("whatever is killed", () => {
  test("a command whose person goes is ended, whether it is silent or goes on writing", async () => {
    const left = async (word: string) => {
      const { text } = await exec(admin, "web", "ps -o args");
      return text.split("\n").filter((line) => line.trim() === word).length;
    };
    for (const word of ["yes wordy", "sleep 777"]) {
      const query = { command: JSON.stringify(word.split(" ")) };
      const terminal = await admin.terminal(containerRoutes.exec, { params: { name: "web" }, query: query as never });
      for (const endMs = performance.now() + DEADLINE_MS; (await left(word)) === 0; ) {
        assert.ok(performance.now() < endMs, `${word} runs`);
      }
      terminal[Symbol.dispose]();
      for (const endMs = performance.now() + DEADLINE_MS; (await left(word)) > 0; ) {
        assert.ok(performance.now() < endMs, `${word} is ended`);
      }
    }
  });

  test("a container that is killed by hand runs again", async () => {
    const { restarts } = await until(admin, "web", ({ state }) => state === "running");
    docker("kill", await engineNameOf("web"));
    const again = await until(admin, "web", (status) => status.state === "running" && status.restarts === restarts + 1);
    assert.equal(again.exitCode, 137);
  });

  test("a daemon that is killed finds its containers again, as they were", async () => {
    const before = await until(admin, "web", ({ state }) => state === "running");
    await daemon.kill();
    daemon = await start();
    relogin();
    const now = await until(admin, "web", ({ state }) => state === "running");
    assert.equal(now.startedAt, before.startedAt, "it was not started again");
  });

  test("an engine that is killed ends the logs that are followed, and its containers come back", async () => {
    const { body } = await admin.download(containerRoutes.logs, { params: { name: "web" }, query: { follow: "1" } });
    const following = (async () => {
      for await (const _ of body);
    })();
    await sleep(200);
    const ended = assert.rejects(following, { code: "unavailable" });
    await engine.kill();
    await ended;
    await until(admin, "web", ({ state }) => state === "unknown");
    await engine.start();
    await until(admin, "web", ({ state }) => state === "running");
    assert.equal((await exec(admin, "web", "true")).code, 0);
  });

  test("what is removed leaves nothing behind", async () => {
    const removed = [admin, other].flatMap((client) =>
      (client === admin ? ["web", "sibling"] : ["web"]).map((name) =>
        client.call(containerRoutes.delete, { params: { name } }),
      ),
    );
    await Promise.all(removed);
    assert.equal(docker("ps", "-aq"), "");
    // The answer is for the containers; their networks go after them.
    const endMs = performance.now() + DEADLINE_MS;
    while (/skerry/.test(docker("network", "ls"))) {
      assert.ok(performance.now() < endMs, "a network stays");
      await sleep(50);
    }
  });

  test("a user who goes leaves nothing in the engine, and stays while it cannot be asked", async () => {
    const { projectUid } = await other.call(sessionRoutes.whoami, {});
    const traces = () =>
      [
        docker("images", "--format", "{{.Repository}}"),
        docker("network", "ls", "--format", "{{.Name}}"),
        docker("volume", "ls", "--format", "{{.Name}}"),
        engine.run("iptables", "-S").replaceAll("sk-", "skerry-"),
      ].join("\n");
    assert.match(traces(), new RegExp(`skerry/${projectUid}/box`));
    const remove = () => admin.call(userRoutes.delete, { params: { name: "other" } });
    await engine.kill();
    await assert.rejects(remove(), { code: "unavailable" });
    assert.equal((await other.call(sessionRoutes.whoami, {})).projectUid, projectUid, "nothing was taken");
    await engine.start();
    await remove();
    assert.doesNotMatch(traces(), new RegExp(projectUid.slice(0, 12)));
    assert.match(docker("images", "--format", "{{.Repository}}"), /^skerry\/[a-z2-7]{26}\/box$/m, "others have theirs");
  });
});
