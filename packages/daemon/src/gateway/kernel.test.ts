/** In-kernel forwarding, in network namespaces of its own: client, gateway and backend, with real sockets through them. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { L4Entry } from "@skerry/core/gateway/l4/entry.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger } from "@skerry/core/testing/sim-telemetry.ts";
import { KernelForwarding, type KernelOptions, type Run } from "./kernel.ts";

const PREFIX = `skt${randomBytes(3).toString("hex")}`;
const [CLIENT, GATE, BACKEND] = [`${PREFIX}c`, `${PREFIX}g`, `${PREFIX}b`];
const GATE_ADDRESS = "198.18.1.1";
const BACKEND_ADDRESS = "198.18.2.2";
const run = async (...words: string[]) => (await promisify(execFile)(words[0] ?? "", words.slice(1))).stdout;
const inside = (space: string, ...words: string[]) => run("ip", "netns", "exec", space, ...words);
/** In the gateway's namespace. */
const runInside: Run = (program, parameters, input = "") =>
  new Promise((resolve, reject) => {
    const child = execFile("ip", ["netns", "exec", GATE, program, ...parameters], (error, printed, said) => {
      if (error === null) resolve(printed);
      else reject(Object.assign(error, { said }));
    });
    // One that has ended already says why by its status.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });

/** Why this machine cannot: undefined when it can. */
let trouble: string | undefined;
let backend: ChildProcess | undefined;

before(async () => {
  try {
    for (const space of [CLIENT, GATE, BACKEND]) await run("ip", "netns", "add", space);
    await link(CLIENT, "198.18.1.2/24", `${GATE_ADDRESS}/24`, "e0");
    await link(BACKEND, `${BACKEND_ADDRESS}/24`, "198.18.2.1/24", "e1");
    await inside(GATE, "ip", "link", "set", "lo", "up");
    await inside(GATE, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    await inside(GATE, "nft", "list", "tables");
  } catch (error) {
    trouble = String(error);
    return;
  }
  const echo = `
    const net = require("node:net"), dgram = require("node:dgram");
    const udp = dgram.createSocket("udp4", (bytes, from) => udp.send(from.address + " " + bytes, from.port, from.address));
    udp.bind(53, () => net.createServer((socket) => socket.on("error", () => 0).pipe(socket)).listen(5432, () => console.log("up")));`;
  backend = spawn("ip", ["netns", "exec", BACKEND, process.execPath, "-e", echo], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(backend.stdout as NodeJS.ReadableStream, "data");
});
after(async () => {
  backend?.kill("SIGKILL");
  for (const space of [CLIENT, GATE, BACKEND]) await run("ip", "netns", "del", space).catch(() => undefined);
});

async function link(space: string, there: string, here: string, name: string): Promise<void> {
  await run("ip", "-n", GATE, "link", "add", name, "type", "veth", "peer", "name", "e", "netns", space);
  await run("ip", "-n", GATE, "addr", "add", here, "dev", name);
  await run("ip", "-n", GATE, "link", "set", name, "up");
  await run("ip", "-n", space, "addr", "add", there, "dev", "e");
  await run("ip", "-n", space, "link", "set", "e", "up");
}

/** What comes back to the client's namespace; "" when nothing does. */
function ask(kind: "tcp" | "udp", port: number): Promise<string> {
  const tcp = `const s = require("node:net").connect(${port}, "${GATE_ADDRESS}"); s.on("error", () => process.exit(0));
    s.on("data", (b) => { console.log(String(b)); process.exit(0); }); s.write("hello");`;
  const udp = `const s = require("node:dgram").createSocket("udp4", (b) => { console.log(String(b)); process.exit(0); });
    s.send("hello", ${port}, "${GATE_ADDRESS}"); setTimeout(() => process.exit(0), 1500);`;
  return inside(CLIENT, process.execPath, "-e", kind === "tcp" ? tcp : udp).then((text) => text.trim());
}

const entry = (more: Partial<L4Entry> = {}): L4Entry => {
  const backends = [{ host: BACKEND_ADDRESS, port: 5432 }];
  return { id: "tcproute", protocol: "tcp", host: "", port: 20_000, backends, reach: "restricted", ...more };
};
const UDP = entry({ id: "udproute", protocol: "udp", backends: [{ host: BACKEND_ADDRESS, port: 53 }] });

function forwarding(entries: () => readonly L4Entry[], more: Partial<KernelOptions> = {}): KernelForwarding {
  return new KernelForwarding({
    ...{ clock, log: createCollectingLogger(), cluster: "test", host: "0.0.0.0", run: runInside, entries },
    ...{ isEnabled: true, hasAnnouncers: false, isGuarded: () => false, bridges: "sk-", ...more },
  });
}

const tables = () => inside(GATE, "nft", "list", "tables");

test("what is in the kernel is forwarded and counted, changes at once, and goes with the route and the daemon", async () => {
  let entries: readonly L4Entry[] = [entry(), UDP];
  {
    await using kernel = forwarding(() => entries);
    await kernel.start();
    if (trouble !== undefined) {
      assert.match(kernel.whyNot(entry()) ?? "", /./, "a machine that cannot says why");
      return;
    }
    assert.deepEqual([kernel.whyNot(entry()), kernel.whyNot(UDP)], [undefined, undefined]);
    assert.match(await tables(), /table ip skerry_test/);
    assert.equal(await ask("tcp", 20_000), "hello");
    // Masqueraded: the answer goes back through the gateway.
    assert.equal(await ask("udp", 20_000), "198.18.2.1 hello");
    await kernel.update();
    const counted = kernel.countersOf("tcproute");
    assert.equal(counted.connections, 1);
    assert.ok(counted.bytesIn > 5 && counted.bytesOut > 5, JSON.stringify(counted));
    const open = spawn("ip", ["netns", "exec", CLIENT, process.execPath, "-e", LONG], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [first] = await once(open.stdout, "data");
    assert.equal(String(first), "a");
    entries = [UDP];
    await kernel.update();
    assert.match(await inside(GATE, "nft", "list", "ruleset"), /tcp reset/);
    open.stdin.write("b");
    const [status] = await once(open, "exit");
    assert.equal(status, 7, "its connection was reset");
    assert.equal(await ask("tcp", 20_000), "");
    assert.equal(await ask("udp", 20_000), "198.18.2.1 hello", "others go on");
    await kernel.update();
    assert.ok(kernel.countersOf("udproute").connections >= 1);
  }
  assert.doesNotMatch(await tables(), /skerry_test/);
});

/** Says a, then what it is told; 7: reset. */
const LONG = `const s = require("node:net").connect(20000, "${GATE_ADDRESS}");
  s.on("error", (e) => process.exit(e.code === "ECONNRESET" ? 7 : 1)); s.on("data", (b) => process.stdout.write(b));
  s.write("a"); process.stdin.on("data", (b) => s.write(b));`;

test("what a killed daemon has left goes at the next start", async () => {
  if (trouble !== undefined) return;
  const killed = forwarding(() => [entry()]);
  await killed.start();
  await using next = forwarding(() => []);
  assert.match(await tables(), /skerry_test/);
  await next.start();
  assert.doesNotMatch(await tables(), /skerry_test/);
  await killed[Symbol.asyncDispose]();
});

test("where the machine or the setting forbids it, it is said why, and nothing is in the kernel", async () => {
  const rows: [Partial<KernelOptions>, RegExp][] = [
    [{ isEnabled: false }, /inKernel is off/],
    [{ hasAnnouncers: true }, /proxyProtocolFrom/],
    [{ host: "127.0.0.1" }, /loopback/],
    [{ host: "fd00::1" }, /IPv6/],
    [{ isGuarded: () => true, ...(trouble === undefined ? {} : { isEnabled: false }) }, /this machine|off/],
    [{ run: () => Promise.reject(Object.assign(new Error(), { code: "ENOENT" })) }, /not installed/],
    [{ run: () => Promise.reject(Object.assign(new Error(), { said: "Operation not permitted" })) }, /CAP_NET_ADMIN/],
    [{ run: async () => "0\n" }, /ip_forward is 0/],
    [{ run: async (program) => (program === "cat" ? "1\n" : DROPS) }, /firewall drops/],
    [
      { run: async (_program, words) => (words[1] === "-" ? Promise.reject(new Error("x")) : ALLOWS(words)) },
      /nft refused/,
    ],
  ];
  for (const [options, why] of rows) {
    await using kernel = forwarding(() => [entry()], options);
    await kernel.start();
    assert.match(kernel.whyNot(entry()) ?? "", why);
  }
  if (trouble === undefined) assert.doesNotMatch(await tables(), /skerry_test/);
});

test("a change that fails keeps none after it", async () => {
  let all = () => [entry()];
  await using kernel = forwarding(() => all(), { isEnabled: false });
  await kernel.start();
  all = () => {
    throw new Error("once");
  };
  await kernel.update();
  all = () => [];
  await kernel.update();
  assert.match(kernel.whyNot(UDP) ?? "", /not in force/);
});

const DROPS = JSON.stringify({ nftables: [{ chain: { hook: "forward", policy: "drop", table: "filter" } }] });
const ALLOWS = (words: readonly string[]) => (words[0]?.startsWith("/proc") ? "1" : JSON.stringify({ nftables: [] }));
