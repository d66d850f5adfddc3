/**
 * Who may come in, asked by curl from network namespaces: the gateway in one, two clients in others, of IPv4 and IPv6, each
 * by an address of its own that no proxy has said. Where the machine gives no namespaces, nothing is shown, and it is said why.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const PREFIX = `skn${randomBytes(3).toString("hex")}`;
const GATE = `${PREFIX}g`;
const PORT = 8080;

interface Place {
  readonly space: string;
  /** Of the gateway in this network, and of who is in the namespace. */
  readonly gate: { readonly v4: string; readonly v6: string };
  readonly own: { readonly v4: string; readonly v6: string };
}

const place = (n: number): Place => ({
  space: `${PREFIX}${n}`,
  gate: { v4: `198.18.${n}.1`, v6: `fd00:18:${n}::1` },
  own: { v4: `198.18.${n}.2`, v6: `fd00:18:${n}::2` },
});
const [FRIEND, STRANGER] = [place(1), place(2)];

const run = async (...[program = "", ...words]: string[]) => (await promisify(execFile)(program, words)).stdout;
const inside = (space: string, ...words: string[]) => run("ip", "netns", "exec", space, ...words);

/** Why this machine cannot: undefined when it can. */
let trouble: string | undefined;
let directory = "";
let daemon: DaemonProcess | undefined;
let client: Client;
let upstream: ChildProcess | undefined;
let to = "";

async function link({ space, gate, own }: Place, name: string): Promise<void> {
  await run("ip", "netns", "add", space);
  await run("ip", "-n", GATE, "link", "add", name, "type", "veth", "peer", "name", "e", "netns", space);
  for (const [where, device, { v4, v6 }] of [
    [GATE, name, gate],
    [space, "e", own],
  ] as const) {
    await run("ip", "-n", where, "addr", "add", `${v4}/24`, "dev", device);
    // Without asking first whether another has it: that takes a second.
    await run("ip", "-n", where, "addr", "add", `${v6}/64`, "dev", device, "nodad");
    await run("ip", "-n", where, "link", "set", device, "up");
  }
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-networks-"));
  try {
    await run("ip", "netns", "add", GATE);
    await run("ip", "-n", GATE, "link", "set", "lo", "up");
    await link(FRIEND, "e1");
    await link(STRANGER, "e2");
  } catch (error) {
    trouble = String(error);
    return;
  }
  const serve = `require("node:http").createServer((q, r) => r.end("hello " + q.headers["x-forwarded-for"]))
    .listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;
  upstream = spawn("ip", ["netns", "exec", GATE, process.execPath, "-e", serve], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(upstream.stdout as NodeJS.ReadableStream, "data");
  to = `http://127.0.0.1:${String(line).trim()}`;
  daemon = await startDaemonProcess({
    data: join(directory, "data"),
    argv: ["--gateway-workers", "2", "--listen-http", `[::]:${PORT}`],
    wrap: ["ip", "netns", "exec", GATE],
  });
  client = daemon.client(await daemon.login());
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  upstream?.kill("SIGKILL");
  for (const space of [GATE, FRIEND.space, STRANGER.space])
    await run("ip", "netns", "del", space).catch(() => undefined);
  await rm(directory, { recursive: true, force: true });
});

/** What curl gets there: status, and the client that the upstream was told of. */
async function curl({ space, gate }: Place, family: "v4" | "v6", host: string, ...more: string[]): Promise<string> {
  const at = family === "v4" ? gate.v4 : `[${gate.v6}]`;
  const args = ["-sS", "--max-time", "10", "-w", "%{stderr}%{http_code}", "-H", `Host: ${host}`, ...more];
  const { stdout, stderr } = await promisify(execFile)("ip", [
    ...["netns", "exec", space, "curl", ...args, `http://${at}:${PORT}/`],
  ]);
  return stderr === "200" ? stdout : stderr;
}

/** Of the friend and of the stranger, by IPv4 and IPv6. */
async function seen(host: string, ...more: string[]): Promise<string[]> {
  return Promise.all(
    [FRIEND, STRANGER].flatMap((one) => [curl(one, "v4", host, ...more), curl(one, "v6", host, ...more)]),
  );
}

const HELLO = [FRIEND, STRANGER].flatMap(({ own }) => [`hello ${own.v4}`, `hello ${own.v6}`]);
const [FRIEND_4 = "", FRIEND_6 = "", STRANGER_4 = "", STRANGER_6 = ""] = HELLO;

if (FULL) {
  test("each namespace is let in or turned away by its own address, by networks and by lists, at once when they change", async (t) => {
    if (trouble !== undefined) {
      t.diagnostic(`unsupported here: ${trouble}`);
      return;
    }
    const host = "app.example.com";
    await client.call(ipListRoutes.create, { body: { name: "known", spec: { entries: "# nobody yet\n192.0.2.1\n" } } });
    await client.call(routeRoutes.create, { body: { name: "app", spec: { host, to } } });
    const access = (said: { allow?: string[]; block?: string[] } | null) =>
      client.call(routeRoutes.update, { params: { name: "app" }, body: { spec: { access: said } } });
    const list = (...entries: string[]) =>
      client.call(ipListRoutes.update, { params: { name: "known" }, body: { spec: { entries: entries.join("\n") } } });
    assert.deepEqual(await seen(host), HELLO);

    await access({ block: [`${STRANGER.own.v4}/32`] });
    assert.deepEqual(await seen(host), [FRIEND_4, FRIEND_6, "403", STRANGER_6]);
    await access({ block: ["198.18.2.0/24", "fd00:18:2::/48"] });
    assert.deepEqual(await seen(host), [FRIEND_4, FRIEND_6, "403", "403"]);
    await access({ allow: ["198.18.2.0/24", "fd00:18:1::/64"] });
    assert.deepEqual(await seen(host), ["403", FRIEND_6, STRANGER_4, "403"]);
    await access({ allow: ["iplist/known"] });
    assert.deepEqual(await seen(host), ["403", "403", "403", "403"]);
    await list(FRIEND.own.v4, "fd00:18:1::/64");
    assert.deepEqual(await seen(host), [FRIEND_4, FRIEND_6, "403", "403"]);
    await list("0.0.0.0/0", "::/0");
    await access({ allow: ["iplist/known"], block: [STRANGER.own.v6] });
    assert.deepEqual(await seen(host), [FRIEND_4, FRIEND_6, STRANGER_4, "403"]);
    await access({ block: ["iplist/known"] });
    assert.deepEqual(await seen(host), ["403", "403", "403", "403"]);
    await list(STRANGER.own.v4, "fd00:18:2::/64");
    assert.deepEqual(await seen(host), [FRIEND_4, FRIEND_6, "403", "403"]);
    // What a client says of itself counts for nothing.
    const lies = [
      "X-Forwarded-For",
      "X-Real-IP",
      "True-Client-IP",
      "CF-Connecting-IP",
      "X-Client-IP",
      "X_Forwarded_For",
    ];
    const said = lies.flatMap((name) => ["-H", `${name}: ${FRIEND.own.v4}`]);
    const forwarded = ["-H", `Forwarded: for=${FRIEND.own.v4}`, ...said];
    assert.deepEqual(await seen(host, ...forwarded), [FRIEND_4, FRIEND_6, "403", "403"]);
    // Nor what it says in the PROXY protocol: it is not one of those that may.
    assert.equal(await curl(STRANGER, "v4", host, "--haproxy-protocol"), "400");
    assert.equal(await curl(FRIEND, "v6", host, "--haproxy-protocol"), "400");
  });

  test("a rate has a bucket for each of them, whatever they say who they are", async () => {
    if (trouble !== undefined) return;
    const host = "rated.example.com";
    const limits = { rate: [{ by: "ip", requests: 3, per: "1d" }] };
    await client.call(routeRoutes.create, { body: { name: "rated", spec: { host, to, limits } } });
    const many = async (one: Place, family: "v4" | "v6") => {
      const got: string[] = [];
      for (let n = 0; n < 6; n++) got.push(await curl(one, family, host, "-H", `X-Forwarded-For: 203.0.113.${n}`));
      return got.filter((text) => text === "429").length;
    };
    // Each worker tells the others a moment later what it has given.
    for (const [one, family] of [
      [FRIEND, "v4"],
      [STRANGER, "v4"],
      [FRIEND, "v6"],
      [STRANGER, "v6"],
    ] as const) {
      const refused = await many(one, family);
      assert.ok(refused >= 2 && refused <= 3, `${one.space} ${family}: ${refused}`);
    }
    // Another address of the same /64 has the same bucket.
    await inside(FRIEND.space, "ip", "addr", "add", "fd00:18:1::77/64", "dev", "e", "nodad");
    assert.equal(await curl(FRIEND, "v6", host, "--interface", "fd00:18:1::77"), "429");
  });
}

test("a tcp route turns them away, too", async () => {
  if (trouble !== undefined) return;
  const listen = "tcp://:20999";
  const access = { block: [`${STRANGER.own.v4}`, "fd00:18:2::/64"] };
  await client.call(routeRoutes.create, { body: { spec: { listen, to: to.replace("http", "tcp"), access } } });
  const ask = (one: Place, at: string) => inside(one.space, "curl", "-sS", "--max-time", "5", `http://${at}:20999/`);
  assert.match(await ask(FRIEND, FRIEND.gate.v4), /^hello/);
  assert.match(await ask(FRIEND, `[${FRIEND.gate.v6}]`), /^hello/);
  for (const at of [STRANGER.gate.v4, `[${STRANGER.gate.v6}]`]) {
    await assert.rejects(ask(STRANGER, at), /reset|Empty reply|Couldn't connect/);
  }
});
