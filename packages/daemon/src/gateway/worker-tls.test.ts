/** The TLS listener of a worker: what becomes of handshakes that are hostile, old, or of another name. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Certificate } from "@skerry/core/gateway/control.ts";
import { emptyHandshakeCounts, type HandshakeCounts } from "@skerry/core/gateway/tls/handshake-counts.ts";
import type { TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import { makeAuthority, type TestAuthority } from "@skerry/core/testing/certificates.ts";
import { type HelloCase, helloCorpus } from "@skerry/core/testing/edge-corpora.ts";
import { Certificates } from "./worker-certificates.ts";
import { createHandshakes, createTlsListener } from "./worker-tls.ts";

let directory = "";
let authority: TestAuthority;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-tls-"));
  authority = await makeAuthority("Test");
});
after(() => rm(directory, { recursive: true, force: true }));

interface Listener extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly string[];
  readonly certificates: Certificates;
  readonly counts: HandshakeCounts;
}

/** Serves `a.example`, `b.example` and all below `wild.example`, and says over which name it was asked. */
async function listen(minVersion: TlsVersion = "1.2"): Promise<Listener> {
  const ticketSecret = Buffer.alloc(32, 7);
  const asked: string[] = [];
  const counts = emptyHandshakeCounts();
  const accept = (socket: TLSSocket): void => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  };
  const made = new Map<string, Certificate>();
  for (const name of ["", "a.example", "b.example", "*.wild.example"]) {
    made.set(name, await authority.issue({ names: [name === "" ? "default.example" : name] }));
  }
  const servers: Server[] = [];
  const certificates: Certificates = new Certificates({
    nowMs: () => performance.now(),
    ask: (name) => {
      asked.push(name);
      setImmediate(() => certificates.take(name, made.get(name)));
    },
    servedAs: (name) => {
      if (name === "a.example" || name === "b.example") return name;
      return name.endsWith(".wild.example") ? "*.wild.example" : undefined;
    },
    termsOf: () => undefined,
    serverFor: (certificate) => {
      const server = createHandshakes(certificate, { ticketSecret, minVersion, accept, counts });
      servers.push(server);
      return server;
    },
  });
  const server = createTlsListener(certificates, counts).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    ...{ asked, certificates, counts },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

/** What openssl s_client says; it asks for something, and goes. */
function sClient(port: number, ...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      "openssl",
      ["s_client", "-connect", `127.0.0.1:${port}`, ...args],
      { timeout: 20_000 },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
    child.stdin?.end("GET / HTTP/1.0\r\n\r\n");
  });
}

/** What a connection that sends these bytes hears, until it ends. */
async function say(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.on("error", () => undefined);
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const part of parts) {
    socket.write(part);
    await sleep(5);
  }
  await closed;
  return text;
}

test("1.2 and 1.3 are spoken, nothing older, and only suites with forward secrecy", async () => {
  await using listener = await listen();
  const name = ["-servername", "a.example"];
  assert.match(await sClient(listener.port, ...name, "-tls1_3"), /New, TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384/);
  assert.match(await sClient(listener.port, ...name, "-tls1_2"), /New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES256-GCM/);
  for (const old of ["-tls1", "-tls1_1"]) {
    const said = await sClient(listener.port, ...name, old, "-cipher", "ALL:@SECLEVEL=0");
    assert.match(said, /Cipher is \(NONE\)/, said);
  }
  const { made, failed } = listener.counts;
  assert.deepEqual([made, failed.version], [{ "TLSv1.2": [1, 0], "TLSv1.3": [1, 0] }, 2]);
  for (const cipher of ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"]) {
    assert.match(await sClient(listener.port, ...name, "-tls1_2", "-cipher", cipher), /Cipher is \(NONE\)/, cipher);
  }
  assert.equal(failed.parameters, 3);
});

test("1.3 alone, when that is set", async () => {
  await using listener = await listen("1.3");
  assert.match(await sClient(listener.port, "-servername", "a.example"), /New, TLSv1\.3/);
  assert.match(await sClient(listener.port, "-servername", "a.example", "-tls1_2"), /Cipher is \(NONE\)/);
});

test("a session is worth something for its own name and certificate only", async () => {
  for (const version of ["-tls1_2", "-tls1_3"]) {
    await using one = await listen();
    const file = join(directory, `session${version}`);
    const first = await sClient(one.port, "-servername", "a.example", version, "-sess_out", file, "-ign_eof");
    assert.match(first, /^New, /m);
    const again = (name: string) => sClient(one.port, "-servername", name, version, "-sess_in", file, "-ign_eof");
    assert.match(await again("a.example"), /^Reused, /m);
    assert.match(await again("b.example"), /^New, /m);
    one.certificates.take("a.example", await authority.issue({ names: ["a.example"] }));
    assert.match(await again("a.example"), /^New, /m);
    const [full, resumed] = one.counts.made[version === "-tls1_2" ? "TLSv1.2" : "TLSv1.3"] ?? [];
    assert.deepEqual([full, resumed], [3, 1]);
  }
});

test("names with odd bytes, and without a route, make nobody work", async () => {
  await using listener = await listen();
  for (const name of [
    "other.example",
    "a.example\0.evil",
    "a..example",
    "*.wild.example",
    "ä.example",
    "x".repeat(250),
  ]) {
    const said = await sClient(listener.port, ...(name.includes("\0") ? [] : ["-servername", name]));
    assert.match(said, /CN = default\.example/, name);
  }
  assert.match(await sClient(listener.port, "-servername", "A.EXAMPLE."), /CN = a\.example/);
  assert.match(await sClient(listener.port, "-servername", "one.wild.example"), /CN = \*\.wild\.example/);
  assert.deepEqual(listener.asked, ["", "a.example", "*.wild.example"]);
});

test("what is no handshake ends at once, and plain HTTP is told which port it took", async () => {
  await using listener = await listen();
  const { port } = listener;
  assert.match(await say(port, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), /^HTTP\/1\.1 400 [\s\S]*takes HTTPS/);
  assert.equal(await say(port, "SSH-2.0-OpenSSH_9\r\n"), "");
  assert.equal(await say(port, Buffer.alloc(70_000, 1)), "");
  assert.equal(await say(port, Buffer.from([22, 3, 1, 0, 4, 1, 0]), "more", "and more", Buffer.alloc(40)), "");
  const endless = Buffer.alloc(16_389, 0);
  endless.set([22, 3, 1, 64, 0, 1, 255, 255, 255]);
  assert.equal(await say(port, endless, endless, endless), "", "longer than any ClientHello");
  assert.deepEqual(listener.asked, []);
  const cut = helloCorpus.find(({ name }) => name === "half an extension") as HelloCase;
  assert.match(await say(port, cut.bytes), /^\x15\x03.\0\x02\x02/, "OpenSSL's alert for a ClientHello that is broken");
  const { "not-tls": notTls, closed, other } = listener.counts.failed;
  assert.deepEqual([notTls, closed + other], [5, 1]);
  assert.match(await sClient(port, "-servername", "a.example"), /CN = a\.example/);
});

test("a handshake that stops half way is given up in time, and keeps no other waiting", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await using listener = await listen();
  const halves = [Buffer.from([22]), Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), Buffer.alloc(0)];
  const closed = halves.map(async (bytes) => {
    const socket = connect({ host: "127.0.0.1", port: listener.port });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
  });
  assert.match(await sClient(listener.port, "-servername", "a.example"), /CN = a\.example/);
  t.mock.timers.tick(LIMITS.gateway.handshakeMs);
  await Promise.all(closed);
  assert.deepEqual([listener.counts.failed.timeout, listener.counts.failed.closed], [3, 0]);
});
