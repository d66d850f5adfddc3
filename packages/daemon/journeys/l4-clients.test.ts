/** Routes below HTTP with the programs that people use: ssh, openssl and curl on one port; dig and iperf3. All of them in the full tier. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const DEADLINE_MS = 20_000;
const run = async (program: string, ...words: string[]): Promise<string> =>
  (await promisify(execFile)(program, words, { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 })).stdout;
const children: ChildProcess[] = [];
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-l4-clients-"));
});
after(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Until something listens there. */
async function serve(port: number, program: string, ...words: string[]): Promise<void> {
  const child = spawn(program, words, { stdio: "ignore" });
  children.push(child);
  const startMs = performance.now();
  for (;;) {
    assert.ok(performance.now() - startMs < DEADLINE_MS && child.exitCode === null, `${program} does not listen`);
    const socket = connect(port, "127.0.0.1");
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isUp) return;
    await sleep(50);
  }
}

const create = (client: Client, listen: string, to: string) =>
  client.call(routeRoutes.create, { body: { spec: { listen, to } } });

const file = (name: string): string => join(directory, name);

async function serveSsh(port: number): Promise<void> {
  await mkdir("/run/sshd", { recursive: true });
  for (const key of ["host", "user"]) await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key));
  await copyFile(file("user.pub"), file("authorized"));
  await chmod(file("authorized"), 0o600);
  const settings = {
    ListenAddress: "127.0.0.1",
    AuthorizedKeysFile: file("authorized"),
    StrictModes: "no",
    UsePAM: "no",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await serve(port, "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", `${port}`, "-h", file("host"), ...options);
}

/** How many bytes of twenty million come. */
async function sshBytes(port: number): Promise<number> {
  const sure = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"];
  const ssh = [...sure.flatMap((one) => ["-o", one]), "-i", file("user"), "-p", `${port}`, "root@127.0.0.1"];
  return (await run("ssh", ...ssh, "head -c 20000000 /dev/zero")).length;
}

test("ssh, openssl and curl on one port", async () => {
  const [port, sshPort, tlsPort] = [await freePort(), await freePort(), await freePort()];
  if (FULL) await serveSsh(sshPort);
  const tls = (name: string) => fileURLToPath(new URL(`../../../fixtures/gateway/tls/${name}`, import.meta.url));
  const identity = ["-cert", tls("certificate.pem"), "-key", tls("key.pem")];
  await serve(tlsPort, "openssl", "s_server", "-accept", `127.0.0.1:${tlsPort}`, ...identity, "-www", "-quiet");
  const web = createHttpServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(web, "listening");
  await using daemon = await startDaemonProcess({ data: file("data"), argv: ["--gateway-workers", "2"] });
  const client = daemon.client(await daemon.login());
  const webTo = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  await client.call(routeRoutes.create, { body: { spec: { host: "web.example.com", to: webTo } } });
  await create(client, `ssh://:${port}`, `tcp://127.0.0.1:${sshPort}`);
  await create(client, `tls://upstream.example:${port}`, `tcp://127.0.0.1:${tlsPort}`);
  if (FULL) assert.equal(await sshBytes(port), 20_000_000);
  const hello = `echo | openssl s_client -connect 127.0.0.1:${port} -servername upstream.example 2>/dev/null`;
  assert.match(await run("sh", "-c", hello), /subject=CN = upstream\.example/);
  const resolve = ["-sS", "--resolve", `web.example.com:${port}:127.0.0.1`];
  assert.equal(await run("curl", "-k", ...resolve, `https://web.example.com:${port}/`), "hello");
  assert.equal(await run("curl", ...resolve, `http://web.example.com:${port}/`), "hello");
  web.close();
  web.closeAllConnections();
});

if (FULL) {
  test("dig over UDP and TCP, iperf3 over both", async () => {
    const [port, dnsPort, iperfPort, loadPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const dns = [
      "-k",
      "-p",
      `${dnsPort}`,
      "--listen-address=127.0.0.1",
      "--bind-interfaces",
      "--no-resolv",
      "--no-hosts",
    ];
    const more = ["--address=/skerry.test/192.0.2.7", `--pid-file=${join(directory, "dns.pid")}`, "--user=root"];
    await serve(dnsPort, "dnsmasq", ...dns, "--conf-file=/dev/null", ...more);
    await serve(iperfPort, "iperf3", "-s", "-p", `${iperfPort}`, "-B", "127.0.0.1");
    await using daemon = await startDaemonProcess({ data: join(directory, "dns"), argv: ["--gateway-workers", "2"] });
    const client = daemon.client(await daemon.login());
    for (const protocol of ["tcp", "udp"]) {
      await create(client, `${protocol}://:${port}`, `${protocol}://127.0.0.1:${dnsPort}`);
      await create(client, `${protocol}://:${loadPort}`, `${protocol}://127.0.0.1:${iperfPort}`);
    }
    for (const flag of ["+notcp", "+tcp"]) {
      const answer = await run("dig", flag, "+short", "-p", `${port}`, "@127.0.0.1", "www.skerry.test");
      assert.equal(answer, "192.0.2.7\n", flag);
    }
    const load = ["-c", "127.0.0.1", "-p", `${loadPort}`, "-t", "1", "-J"];
    for (const flags of [[], ["-R"], ["-u", "-b", "20M"]]) {
      const { end } = JSON.parse(await run("iperf3", ...load, ...flags)) as IperfAnswer;
      assert.ok(((end.sum_received ?? end.sum)?.bytes ?? 0) > 1_000_000, `${flags}`);
    }
  });
}

interface IperfAnswer {
  readonly end: { readonly sum_received?: { readonly bytes: number }; readonly sum?: { readonly bytes: number } };
}
