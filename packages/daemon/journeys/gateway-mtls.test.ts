/** Certificates of clients at the gateway: asked for, verified, revoked, passed on, and never taken from elsewhere. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { makeAuthority, type TestAuthority, type TestCertificate } from "@skerry/core/testing/certificates.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

let directory: string;
let upstream: Server;
let to: string;
let ca: TestAuthority;
let other: TestAuthority;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-mtls-"));
  upstream = createServer((request, response) => {
    const { "client-cert": certificate = "none", "client-cert-chain": chain = "none" } = request.headers;
    response.end(`${certificate} ${chain}`);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  to = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  [ca, other] = await Promise.all([makeAuthority("Clients"), makeAuthority("Others")]);
});
after(async () => {
  upstream.close();
  upstream.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

const start = (data: string) => startDaemonProcess({ data: join(directory, data), argv: ["--gateway-workers", "2"] });
const portOf = (url: string | undefined) => Number(new URL(url ?? "").port);
type Terms = { mode: "require" | "request"; ca: string; crl?: string };

async function addRoute(client: Client, host: string, clientTls?: Terms, path = "/"): Promise<void> {
  await client.call(routeRoutes.create, { body: { spec: { host, path, to, ...(clientTls && { clientTls }) } } });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection, which stays. */
async function ask(socket: TLSSocket, host: string, path = "/", more = ""): Promise<Answer> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  let text = "";
  for (;;) {
    const [bytes] = (await Promise.race([once(socket, "data"), once(socket, "close").then(() => [undefined])])) as [
      Buffer?,
    ];
    if (bytes === undefined) break;
    text += bytes.toString("latin1");
    const [head = "", body] = text.split("\r\n\r\n");
    if (body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) break;
  }
  return { status: Number(text.slice(9, 12)), body: text.split("\r\n\r\n")[1] ?? "" };
}

async function shake(daemon: DaemonProcess, servername: string, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = portOf(daemon.httpsUrl);
  const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false, ...more });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

async function visit(
  daemon: DaemonProcess,
  host: string,
  shown?: TestCertificate,
  path = "/",
  more = "",
): Promise<Answer> {
  const socket = await shake(daemon, host, shown && { cert: shown.certificate, key: shown.key });
  try {
    return await ask(socket, host, path, more);
  } finally {
    socket.destroy();
  }
}

test("with a good certificate it goes on and is passed on; without, expired, foreign or revoked it is 403", async () => {
  await using daemon = await start("require");
  const client = daemon.client(await daemon.login());
  const [good, revoked, foreign, expired, server] = await Promise.all([
    ca.issue({ subject: "CN=good", use: "client" }),
    ca.issue({ subject: "CN=revoked", use: "client" }),
    other.issue({ subject: "CN=foreign", use: "client" }),
    ca.issue({ subject: "CN=expired", use: "client", toMs: -1000 }),
    ca.issue({ subject: "CN=server", use: "server" }),
  ]);
  const terms = { mode: "require", ca: ca.certificate, crl: await ca.revoke([revoked.serial]) } as const;
  await addRoute(client, "m.example.com", terms, "/in");
  await addRoute(client, "m.example.com", { ...terms, mode: "request" }, "/asked");
  await addRoute(client, "m.example.com");
  const der = (one: TestCertificate) => `:${new X509Certificate(one.certificate).raw.toString("base64")}:`;
  const forged = "Client-Cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\nClient_Cert: :AAAA:\r\n";
  assert.deepEqual(await visit(daemon, "m.example.com", good, "/in", forged), {
    status: 200,
    body: `${der(good)} none`,
  });
  assert.deepEqual(await visit(daemon, "m.example.com", good, "/", forged), { status: 200, body: "none none" });
  assert.deepEqual(await visit(daemon, "m.example.com", good, "/asked"), { status: 200, body: `${der(good)} none` });
  for (const [what, shown] of Object.entries({ none: undefined, revoked, foreign, expired, server })) {
    const refused = await visit(daemon, "m.example.com", shown, "/in", forged);
    assert.equal(refused.status, 403, what);
    assert.match(refused.body, /"code":"forbidden","reason":"client-certificate"/);
    assert.deepEqual(await visit(daemon, "m.example.com", shown, "/asked"), { status: 200, body: "none none" }, what);
  }
  // Plain HTTP has no handshake that could show one.
  const plain = await fetch(`${daemon.httpUrl}/in`, { headers: { host: "m.example.com" } });
  assert.ok([403, 404].includes(plain.status));
  const args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: m.example.com", `${daemon.httpUrl}/in`];
  assert.equal((await promisify(execFile)("curl", args)).stdout, "403");
});

test("a connection for another host, or from before the rules changed, is misdirected", async () => {
  await using daemon = await start("sni");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "open.example.com");
  await addRoute(client, "m.example.com", { mode: "require", ca: ca.certificate });
  await addRoute(client, "o.example.com", { mode: "require", ca: other.certificate });
  const good = await ca.issue({ subject: "CN=good", use: "client" });
  const shown = { cert: good.certificate, key: good.key };
  for (const from of ["open.example.com", "o.example.com", "nowhere.example.com"]) {
    const socket = await shake(daemon, from, shown);
    const answer = await ask(socket, "m.example.com");
    assert.equal(answer.status, 421, from);
    assert.match(answer.body, /"reason":"misdirected"/);
    await once(socket, "close");
  }
  const socket = await shake(daemon, "m.example.com", shown);
  assert.equal((await ask(socket, "open.example.com")).status, 200);
  assert.equal((await ask(socket, "m.example.com")).status, 200);
  await client.call(routeRoutes.update, {
    params: { name: "m-example-com" },
    body: { spec: { clientTls: { mode: "require", ca: ca.certificate, crl: await ca.revoke([good.serial]) } } },
  });
  assert.equal((await ask(socket, "m.example.com")).status, 421, "a connection from before");
  socket.destroy();
  assert.equal((await visit(daemon, "m.example.com", good)).status, 403);
});

/** One request on a session, which stays. */
async function askHttp2(session: ClientHttp2Session, host: string): Promise<Answer> {
  const forged = { "client-cert": ":AAAA:", "client-cert-chain": ":AAAA:" };
  const stream = session.request({ ":path": "/", ":authority": host, ...forged });
  let body = "";
  stream.setEncoding("latin1").on("data", (text: string) => {
    body += text;
  });
  const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
  await once(stream, "close");
  return { status: headers[":status"] ?? 0, body };
}

test("each request of an HTTP/2 connection is looked at by itself, however the connection became one", async () => {
  await using daemon = await start("h2");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "open.example.com");
  await addRoute(client, "m.example.com", { mode: "require", ca: ca.certificate });
  const good = await ca.issue({ subject: "CN=good", use: "client" });
  const shown = { cert: good.certificate, key: good.key };
  const der = `:${new X509Certificate(good.certificate).raw.toString("base64")}:`;
  for (const ALPNProtocols of [["h2"], []]) {
    const visitBy = async (name: string, more: ConnectionOptions, hosts: readonly string[]): Promise<Answer[]> => {
      const socket = await shake(daemon, name, { ALPNProtocols, ...more });
      const session = connectHttp2(`https://${name}`, { createConnection: () => socket });
      session.on("error", () => undefined);
      const answers: Answer[] = [];
      try {
        for (const host of hosts) answers.push(await askHttp2(session, host));
      } finally {
        session.destroy();
      }
      return answers;
    };
    const open = { status: 200, body: "none none" };
    const known = await visitBy("m.example.com", shown, ["m.example.com", "open.example.com", "m.example.com"]);
    assert.deepEqual(known, [{ status: 200, body: `${der} none` }, open, { status: 200, body: `${der} none` }]);
    const [misdirected, others] = await visitBy("open.example.com", shown, ["m.example.com", "open.example.com"]);
    assert.equal(misdirected?.status, 421);
    assert.deepEqual(others, open, "the connection is good for its own host still");
    assert.equal((await visitBy("m.example.com", {}, ["m.example.com"]))[0]?.status, 403);
  }
});

test("a session that is resumed is worth what its certificate is worth now", async () => {
  await using daemon = await start("resume");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "open.example.com");
  await addRoute(client, "m.example.com", { mode: "require", ca: ca.certificate });
  const good = await ca.issue({ subject: "CN=good", use: "client" });
  const files = { cert: join(directory, "c.pem"), key: join(directory, "k.pem") };
  await writeFile(files.cert, good.certificate);
  await writeFile(files.key, good.key, { mode: 0o600 });
  const session = (version: string) => join(directory, `session${version}`);
  const sClient = (version: string, name: string, host: string, ...more: string[]) =>
    new Promise<string>((resolve) => {
      const connectTo = `127.0.0.1:${portOf(daemon.httpsUrl)}`;
      const args = ["s_client", "-connect", connectTo, "-servername", name, version, "-ign_eof", ...more];
      const child = execFile("openssl", args, { timeout: 20_000 }, (_error, stdout) => resolve(stdout));
      child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
  const shown = ["-cert", files.cert, "-key", files.key];
  const again = (version: string, name: string, host: string) =>
    sClient(version, name, host, "-sess_in", session(version));
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const file = session(version);
    assert.match(
      await sClient(version, "m.example.com", "m.example.com", ...shown, "-sess_out", file),
      /HTTP\/1\.1 200/,
    );
    const resumed = await again(version, "m.example.com", "m.example.com");
    assert.match(resumed, /^Reused/m);
    assert.match(resumed, /HTTP\/1\.1 200[\s\S]*:MII/, "known by its session, and passed on");
    const elsewhere = await again(version, "open.example.com", "m.example.com");
    assert.match(elsewhere, /^New[\s\S]*HTTP\/1\.1 421/m);
  }
  const clientTls = { mode: "require", ca: ca.certificate, crl: await ca.revoke([good.serial]) } as const;
  await client.call(routeRoutes.update, { params: { name: "m-example-com" }, body: { spec: { clientTls } } });
  for (const version of ["-tls1_2", "-tls1_3"]) {
    assert.match(await again(version, "m.example.com", "m.example.com"), /^New[\s\S]*HTTP\/1\.1 403/m);
  }
});

test("the routes of one host have one answer about certificates", async () => {
  await using daemon = await start("same");
  const client = daemon.client(await daemon.login());
  await addRoute(client, "m.example.com", { mode: "require", ca: ca.certificate });
  const conflict = (error: unknown) => isError(error, "conflict") && /other authorities/.test(error.message);
  await assert.rejects(addRoute(client, "m.example.com", { mode: "require", ca: other.certificate }, "/b"), conflict);
  await addRoute(client, "m.example.com", { mode: "request", ca: `# ours\n${ca.certificate}` }, "/b");
  const named = { params: { name: "m-example-com" } };
  await client.call(routeRoutes.update, {
    ...named,
    body: { spec: { clientTls: { mode: "require", ca: other.certificate } } },
  });
  const b = await client.call(routeRoutes.get, { params: { name: "m-example-com-b" } });
  assert.deepEqual(b.spec.clientTls, { mode: "request", ca: `${other.certificate.trim()}\n` }, "they change together");
  await client.call(routeRoutes.update, { ...named, body: { spec: { clientTls: null } } });
  assert.equal((await client.call(routeRoutes.get, named)).spec.clientTls, undefined);
  const below = { listen: "tls://db.example.com", to: "tcp://10.0.0.2:443" };
  const terms = { mode: "require", ca: ca.certificate } as const;
  await assert.rejects(
    client.call(routeRoutes.create, { body: { spec: { ...below, clientTls: terms } } }),
    /below HTTP/,
  );
  const wrong: readonly (readonly [Partial<Terms>, RegExp])[] = [
    [{ ca: "" }, /no certificate of an authority/],
    [{ ca: (await ca.issue({ use: "client" })).certificate }, /is no authority's/],
    [{ ca: ca.key }, /something else than a certificate/],
    [{ crl: await other.revoke([]) }, /signed by none of the authorities/],
    [{ crl: await ca.revoke([], -1000) }, /stale/],
    [{ crl: ca.certificate }, /no revocation list/],
    [
      { ca: ca.certificate + other.certificate, crl: await ca.revoke([]) },
      /no revocation list of the authority "CN=Others"/,
    ],
  ];
  for (const [more, message] of wrong) {
    const clientTls = { mode: "require", ca: ca.certificate, ...more } as const;
    await assert.rejects(client.call(routeRoutes.update, { ...named, body: { spec: { clientTls } } }), message);
  }
});
