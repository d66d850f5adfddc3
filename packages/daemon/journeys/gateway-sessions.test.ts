/** Handshakes as openssl makes them, of several workers: stapled OCSP responses, chains, and sessions that go on. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { makeAuthority, type TestAuthority, type TestCertificate } from "@skerry/core/testing/certificates.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const WORKERS = 3;

let directory: string;
let upstream: Server;
let to: string;
let root: TestAuthority;
let daemon: DaemonProcess;
let client: Client;

const file = (name: string): string => join(directory, name);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-sessions-"));
  upstream = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  to = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  root = await makeAuthority("Root");
  await writeFile(file("root.pem"), root.certificate);
  daemon = await startDaemonProcess({ data: file("data"), argv: ["--gateway-workers", `${WORKERS}`] });
  client = daemon.client(await daemon.login());
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

const openssl = async (...words: string[]): Promise<string> =>
  (await promisify(execFile)("openssl", words, { cwd: directory })).stdout;

/** What openssl says; it asks for a page, and the gateway ends the connection. */
function sClient(name: string, ...more: string[]): Promise<string> {
  const connectTo = `127.0.0.1:${new URL(daemon.httpsUrl ?? "").port}`;
  const args = ["s_client", "-connect", connectTo, "-servername", name, "-CAfile", "root.pem", "-ign_eof", ...more];
  return new Promise((resolve) => {
    const child = execFile("openssl", args, { timeout: 20_000, cwd: directory }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
    child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
  });
}

async function serve(host: string, certificate: TestCertificate, ocsp?: string): Promise<void> {
  const name = host.replace("*.", "").replaceAll(".", "-");
  await client.call(routeRoutes.create, { body: { name, spec: { host, to } } });
  const { serial: _, ...pair } = certificate;
  await client.call(certificateRoutes.create, {
    body: { name, spec: { ...pair, ...(ocsp !== undefined && { ocsp }) } },
  });
}

/** Base64 of what the root says of it as responder: good, for so many days. */
async function ocspOf({ certificate, serial }: TestCertificate, days: number): Promise<string> {
  const even = serial.toUpperCase().padStart(serial.length + (serial.length % 2), "0");
  await writeFile(file("ca.key"), root.key, { mode: 0o600 });
  await writeFile(file("leaf.pem"), certificate);
  await writeFile(file("index.txt"), `V\t400101000000Z\t\t${even}\tunknown\t/CN=x\n`);
  await openssl("ocsp", "-issuer", "root.pem", "-cert", "leaf.pem", "-reqout", "req.der");
  const signer = ["-rsigner", "root.pem", "-rkey", "ca.key", "-CA", "root.pem"];
  const answer = ["-index", "index.txt", "-reqin", "req.der", "-respout", "resp.der", "-ndays", `${days}`];
  await openssl("ocsp", ...signer, ...answer);
  return (await readFile(file("resp.der"))).toString("base64");
}

test("a stapled response is given by every worker, of TLS 1.2 and 1.3, for its own host alone", async () => {
  const stapled = await root.issue({ names: ["stapled.example.com"] });
  await serve("stapled.example.com", stapled, await ocspOf(stapled, 3));
  await serve("bare.example.com", await root.issue({ names: ["bare.example.com"] }));
  for (const version of ["-tls1_2", "-tls1_3"]) {
    for (let n = 0; n < 3 * WORKERS; n++) {
      const said = await sClient("stapled.example.com", "-status", version, "-verify_return_error");
      assert.match(said, /OCSP Response Status: successful \(0x0\)[\s\S]*Cert Status: good/, version);
      assert.match(said, /Verify return code: 0 \(ok\)[\s\S]*HTTP\/1\.1 200 OK/);
    }
    assert.match(await sClient("bare.example.com", "-status", version), /OCSP response: no response sent/);
  }
  // Another response in its place, and none: for the handshakes from then on.
  const named = { params: { name: "stapled-example-com" } };
  await client.call(certificateRoutes.update, { ...named, body: { spec: { ocsp: await ocspOf(stapled, 6) } } });
  const seen = await client.call(certificateRoutes.get, named);
  const untilMs = Date.parse(String(seen.status?.ocspUntil));
  assert.ok(untilMs > Date.now() + 5 * 86_400_000);
  const shown = /Next Update: (.*)/.exec(await sClient("stapled.example.com", "-status"))?.[1];
  assert.equal(Date.parse(String(shown)), untilMs);
  await client.call(certificateRoutes.update, { ...named, body: { spec: { ocsp: "" } } });
  for (let n = 0; n < 2 * WORKERS; n++) {
    assert.match(await sClient("stapled.example.com", "-status"), /OCSP response: no response sent/);
  }
});

test("a chain of two intermediates is given whole, also for a wildcard, and curl trusts it", async () => {
  const lower = await (await root.below("Middle")).below("Lower");
  await serve("*.wild.example.com", await lower.issue({ names: ["*.wild.example.com"] }));
  const said = await sClient("a.wild.example.com", "-showcerts", "-verify_return_error");
  assert.match(said, / 0 s:CN = \*\.wild\.example\.com[\s\S]* 1 s:CN = Lower[\s\S]* 2 s:CN = Middle/);
  assert.match(said, /Verification: OK/);
  const port = new URL(daemon.httpsUrl ?? "").port;
  const resolve = ["--resolve", `*:${port}:127.0.0.1`, "--cacert", file("root.pem"), "-sS"];
  const run = promisify(execFile);
  const { stdout } = await run("curl", [...resolve, `https://b.wild.example.com:${port}/`]);
  assert.equal(stdout, "hello");
  // One label alone: what is below has no certificate of theirs.
  await assert.rejects(run("curl", [...resolve, `https://a.b.wild.example.com:${port}/`]), /certificate/);
});

test("a session goes on at whichever worker the connection comes to", async () => {
  await serve("go.example.com", await root.issue({ names: ["go.example.com"] }));
  // 1.2: five connections more, each with the session of the first.
  const again = await sClient("go.example.com", "-tls1_2", "-reconnect");
  assert.equal(again.match(/^New, TLSv1\.2/gm)?.length, 1, again);
  assert.equal(again.match(/^Reused, TLSv1\.2/gm)?.length, 5, again);
  // 1.3: a ticket comes behind the handshake; -reconnect does not wait for it.
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const session = `session${version}`;
    assert.match(await sClient("go.example.com", version, "-sess_out", session), /^New, [\s\S]*HTTP\/1\.1 200/m);
    for (let n = 0; n < 4 * WORKERS; n++) {
      const said = await sClient("go.example.com", version, "-sess_in", session);
      assert.match(said, /^Reused, [\s\S]*HTTP\/1\.1 200/m, `${version}, ${n}`);
    }
  }
  // A worker that dies is replaced by one that takes them, too.
  const pids = await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8");
  for (const pid of pids.trim().split(" ").slice(0, -1)) process.kill(Number(pid), "SIGKILL");
  const endMs = performance.now() + 20_000;
  for (let reused = 0; reused < 3 * WORKERS; ) {
    const said = await sClient("go.example.com", "-tls1_3", "-sess_in", "session-tls1_3");
    if (/^Reused, [\s\S]*HTTP\/1\.1 200/m.test(said)) reused++;
    else {
      // Connections that the dead ones had not taken yet are reset.
      assert.match(said, /handshake has read 0 bytes/, "no session is lost with a worker");
      assert.ok(performance.now() < endMs, said);
    }
  }
});

test("nothing older than TLS 1.2 is agreed on", async () => {
  for (const old of ["-tls1", "-tls1_1"]) {
    const said = await sClient("go.example.com", old, "-cipher", "ALL:@SECLEVEL=0");
    assert.match(said, /alert protocol version/, said);
    assert.match(said, /Cipher is \(NONE\)/);
  }
});
