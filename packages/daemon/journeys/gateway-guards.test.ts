/** Who may come in by a route, and how much, with curl as the client of a whole daemon. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

let directory: string;
let upstream: Server;
let upstreamUrl: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-guards-"));
  upstream = createServer((request, response) => {
    response.end(`hello ${request.headers["x-forwarded-for"]}`);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

const start = (data: string, ...more: string[]): Promise<DaemonProcess> =>
  startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", "2", ...more] });

/** Status and body, as curl has them. `at`: the address that is connected to. */
async function curl(daemon: DaemonProcess, host: string, args: readonly string[] = [], at = "127.0.0.1") {
  const { port } = new URL(daemon.httpUrl ?? "");
  const resolve = ["--resolve", `${host}:${port}:${at.includes(":") ? `[${at}]` : at}`];
  const all = ["-sS", "--max-time", "10", "-w", "\n%{http_code}", ...resolve, ...args, `http://${host}:${port}/`];
  const { stdout } = await promisify(execFile)("curl", all);
  const [body = "", status = ""] = stdout.split("\n").length > 2 ? splitLast(stdout) : stdout.split("\n");
  return { status: Number(status), body };
}

function splitLast(text: string): string[] {
  const at = text.lastIndexOf("\n");
  return [text.slice(0, at), text.slice(at + 1)];
}

test("curl from several addresses: lists and networks decide, at once when they change, of IPv4 and IPv6", async () => {
  await using daemon = await start("access", "--listen-http", "[::]:0");
  const client = daemon.client(await daemon.login());
  const name = "app-example-com";
  await client.call(ipListRoutes.create, { body: { name: "bad", spec: { entries: "# them\n127.0.0.2\n" } } });
  await client.call(routeRoutes.create, {
    body: { spec: { host: "app.example.com", to: upstreamUrl, access: { block: ["iplist/bad"] } } },
  });
  const from = async (ip: string) =>
    (await curl(daemon, "app.example.com", ["--interface", ip], ip.includes(":") ? "::1" : "127.0.0.1")).status;
  assert.deepEqual([await from("127.0.0.1"), await from("127.0.0.2"), await from("::1")], [200, 403, 200]);
  const refused = await curl(daemon, "app.example.com", ["--interface", "127.0.0.2"]);
  assert.match(refused.body, /"code":"forbidden","reason":"address"/);

  await client.call(ipListRoutes.update, { params: { name: "bad" }, body: { spec: { entries: "::1\n127.0.0.3" } } });
  assert.deepEqual([await from("127.0.0.2"), await from("127.0.0.3"), await from("::1")], [200, 403, 403]);

  await client.call(routeRoutes.update, {
    params: { name },
    body: { spec: { access: { allow: ["127.0.0.0/30"], block: ["127.0.0.2", "iplist/bad"] } } },
  });
  const seen = await client.call(routeRoutes.get, { params: { name } });
  assert.deepEqual(seen.spec.access, { allow: ["127.0.0.0/30"], block: ["127.0.0.2", "iplist/bad"] });
  assert.deepEqual([await from("127.0.0.1"), await from("127.0.0.2"), await from("127.0.0.4")], [200, 403, 403]);

  const told = await client.call(routeRoutes.explain, {
    body: { method: "GET", url: "http://app.example.com/", client: "127.0.0.3" },
  });
  assert.match(told.outcome.text, /blocked by 127\.0\.0\.3 of iplist\/bad/);

  const used = client.call(ipListRoutes.delete, { params: { name: "bad" } });
  await assert.rejects(used, (error) => isError(error, "conflict") && /app-example-com/.test(String(error)));
  const missing = client.call(routeRoutes.update, {
    params: { name },
    body: { spec: { access: { block: ["iplist/no"] } } },
  });
  await assert.rejects(missing, (error) => isError(error, "invalid"));
  await client.call(routeRoutes.update, { params: { name }, body: { spec: { access: null } } });
  assert.equal(await from("127.0.0.4"), 200);
  await client.call(ipListRoutes.delete, { params: { name: "bad" } });
});

test("a list of a hundred thousand networks, more than other requests may have, blocks from the first to the last", async () => {
  await using daemon = await start("large");
  const client = daemon.client(await daemon.login());
  const networks = Array.from({ length: 50_000 }, (_, at) => {
    const [high, low] = [at >> 8, at & 255];
    return `10.${high}.${low}.0/24\n2001:db8:${high.toString(16)}:${low.toString(16)}::/64 # a network of IPv6`;
  });
  const entries = (ip: string) => `# them\n${networks.join("\n")}\n${ip}\n`;
  const made = await client.call(ipListRoutes.create, {
    body: { name: "large", spec: { entries: entries("127.0.0.2") } },
  });
  assert.equal(made.status?.networks, 100_001);
  await client.call(routeRoutes.create, {
    body: { spec: { host: "app.example.com", to: upstreamUrl, access: { block: ["iplist/large"] } } },
  });
  const from = async (ip: string) => (await curl(daemon, "app.example.com", ["--interface", ip])).status;
  assert.deepEqual([await from("127.0.0.1"), await from("127.0.0.2"), await from("127.0.0.3")], [200, 403, 200]);

  const params = { name: "large" };
  await client.call(ipListRoutes.update, { params, body: { spec: { entries: entries("127.0.0.3") } } });
  assert.deepEqual([await from("127.0.0.1"), await from("127.0.0.2"), await from("127.0.0.3")], [200, 200, 403]);
  assert.equal((await client.call(ipListRoutes.get, { params })).spec.entries, entries("127.0.0.3"));
  const { items } = await client.call(ipListRoutes.list, { query: {} });
  assert.deepEqual([items[0]?.spec, items[0]?.status], [{}, { networks: 100_001 }]);
});

test("behind a proxy that announces its clients, theirs are the addresses that count", async () => {
  await using daemon = await start("announced", "--gateway-proxy-protocol-from", "127.0.0.1");
  const client = daemon.client(await daemon.login());
  await client.call(routeRoutes.create, {
    body: { spec: { host: "app.example.com", to: upstreamUrl, access: { block: ["192.0.2.0/24", "2001:db8::/32"] } } },
  });
  const announced = async (line: string): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(daemon.httpUrl ?? "").port) });
    socket.write(`${line}GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n`);
    let text = "";
    for await (const bytes of socket) text += String(bytes);
    return `${text.split(" ")[1]} ${text.split("hello ")[1] ?? ""}`.trim();
  };
  assert.equal(await announced("PROXY TCP4 198.51.100.1 127.0.0.1 4711 80\r\n"), "200 198.51.100.1");
  assert.equal(await announced("PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n"), "403");
  assert.equal(await announced("PROXY TCP6 2001:db8::7 ::1 4711 80\r\n"), "403");
  assert.equal(await announced("PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 80\r\n"), "403");
});
