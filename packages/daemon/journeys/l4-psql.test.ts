/** A real PostgreSQL behind a tcp route, asked with psql: passwords, TLS of its own, much in both directions, who asks. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { makeAuthority, type TestAuthority } from "@skerry/core/testing/certificates.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";
const DEADLINE_MS = 60_000;
const USER = "postgres";
const run = promisify(execFile);

let directory: string;
let authority: TestAuthority;
let database: ChildProcess | undefined;
let databasePort = 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** It refuses to run as root: then it runs as the user that its package has made. */
const asUser = (words: readonly string[]): string[] =>
  process.getuid?.() === 0 ? ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", ...words] : [...words];

async function startDatabase(): Promise<void> {
  const [version = ""] = (await readdir("/usr/lib/postgresql")).sort((a, b) => Number(b) - Number(a));
  const programs = join("/usr/lib/postgresql", version, "bin");
  const home = join(directory, "postgres");
  const data = join(home, "data");
  const inHome = (name: string): string => join(home, name);
  await mkdir(home, { mode: 0o700 });
  await writeFile(inHome("password"), "hush\n");
  const { certificate, key } = await authority.issue({ names: ["db.example.com"] });
  await writeFile(inHome("server.crt"), certificate);
  await writeFile(inHome("server.key"), key);
  await chmod(inHome("server.key"), 0o600);
  if (process.getuid?.() === 0) {
    await chmod(directory, 0o711);
    const id = async (flag: string) => Number((await run("id", [flag, USER])).stdout);
    const [uid, gid] = [await id("-u"), await id("-g")];
    for (const name of ["", "password", "server.crt", "server.key"]) await chown(inHome(name), uid, gid);
  }
  const init = ["-D", data, "-U", USER, "--auth=scram-sha-256", `--pwfile=${inHome("password")}`, "--no-sync"];
  const [command = "", ...args] = asUser([join(programs, "initdb"), ...init]);
  await run(command, args, { timeout: DEADLINE_MS, cwd: home });
  databasePort = await freePort();
  const settings = {
    ...{ listen_addresses: "127.0.0.1", port: `${databasePort}`, unix_socket_directories: home, fsync: "off" },
    ...{ ssl: "on", ssl_cert_file: inHome("server.crt"), ssl_key_file: inHome("server.key") },
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [program = "", ...words] = asUser([join(programs, "postgres"), "-D", data, ...flags]);
  database = spawn(program, words, { stdio: "ignore", cwd: home });
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const is = await psql(databasePort, "select 1").catch(() => "");
    if (is === "1") return;
    assert.ok(performance.now() < endMs && database.exitCode === null, "PostgreSQL does not start");
    await sleep(100);
  }
}

/** What it prints; it stops at the first mistake. `more`: of the connection, e.g. `sslmode=disable`. */
async function psql(port: number, sql: string, more = "sslmode=disable"): Promise<string> {
  const to = `host=127.0.0.1 port=${port} user=${USER} dbname=postgres connect_timeout=20 ${more}`;
  const args = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", to, "-c", sql];
  const options = { timeout: DEADLINE_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, PGPASSWORD: "hush" } };
  return (await run("psql", args, options)).stdout.trim();
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-psql-"));
  if (!FULL) return;
  authority = await makeAuthority("Databases");
  await startDatabase();
});
after(async () => {
  if (database !== undefined && database.exitCode === null) {
    const ended = once(database, "exit");
    database.kill("SIGINT");
    await ended;
  }
  await rm(directory, { recursive: true, force: true });
});

const start = (name: string): Promise<DaemonProcess> =>
  startDaemonProcess({ data: join(directory, name), argv: ["--gateway-workers", "2"] });

if (FULL) {
  test("psql through a tcp route: with a password, over its own TLS, a million rows there and back, a query cancelled", async () => {
    const port = await freePort();
    await using daemon = await start("plain");
    const client = daemon.client(await daemon.login());
    const spec = { listen: `tcp://:${port}`, to: `tcp://127.0.0.1:${databasePort}` };
    const { meta } = await client.call(routeRoutes.create, { body: { name: "db", spec } });
    assert.equal(await psql(port, "select 40 + 2"), "42");
    const root = join(directory, "root.pem");
    await writeFile(root, authority.certificate);
    const isSecure = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert.equal(await psql(port, isSecure, `sslmode=verify-ca sslrootcert=${root}`), "t");
    await assert.rejects(psql(port, "select 1", "sslmode=disable password=wrong"), /authentication failed/);

    // There and back by COPY, in both directions more than any buffer on the way holds.
    const file = join(directory, "rows");
    await psql(port, `\\copy (select n, md5(n::text) from generate_series(1, 1000000) n) to '${file}'`);
    await psql(port, "create table t (n int, m text)");
    await psql(port, `\\copy t from '${file}'`);
    const sum = "select count(*), md5(string_agg(m, '' order by n)) from t";
    const through = await psql(port, sum);
    assert.match(through, /^1000000\|/);
    assert.equal(through, await psql(databasePort, sum));

    // Ctrl-C in psql is a connection of its own, which another worker may get.
    const slow = spawn("psql", ["-XAtq", "-d", `host=127.0.0.1 port=${port} user=${USER} dbname=postgres`], {
      env: { ...process.env, PGPASSWORD: "hush" },
      stdio: ["pipe", "ignore", "pipe"],
    });
    let said = "";
    slow.stderr.on("data", (text: Buffer) => {
      said += text;
    });
    const ended = once(slow, "exit");
    slow.stdin.end("select pg_sleep(600);\n");
    const running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'";
    const endMs = performance.now() + DEADLINE_MS;
    while ((await psql(databasePort, running)) !== "1") assert.ok(performance.now() < endMs, "it does not run");
    slow.kill("SIGINT");
    await ended;
    assert.match(said, /canceling statement due to user request/);

    const many = await Promise.all(Array.from({ length: 40 }, (_, n) => psql(port, `select ${n}, pg_sleep(0.2)`)));
    assert.deepEqual(
      many,
      many.map((_, n) => `${n}|`),
    );
    // Workers tell it once a second. Two for what psql was asked, and one for the cancelled query, at least.
    const traffic = async () => (await client.call(routeRoutes.get, { params: { name: meta.name } })).status?.traffic;
    const tellMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const { connections = 0, open, bytesIn = 0, failed } = (await traffic()) ?? {};
      if (connections >= 46 && bytesIn > 30_000_000 && open === 0 && failed === 0) break;
      assert.ok(performance.now() < tellMs, JSON.stringify(await traffic()));
      await sleep(100);
    }
  });
}

/** What comes back through the port: of PostgreSQL, or of what says after one what one says. */
async function askedAt(port: number): Promise<string> {
  if (FULL) return psql(port, "select 'told'");
  const socket = connect(port, "127.0.0.1");
  socket.end("told");
  let text = "";
  for await (const bytes of socket) text += String(bytes);
  return text;
}

test("the backend is told who asks: a proxy of its own reads the PROXY protocol and leads on, in the full tier psql", async () => {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const reader: Server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", (bytes: Buffer) => {
      const end = bytes.indexOf("\r\n");
      heads.push(bytes.toString("latin1", 0, end));
      if (!FULL) {
        socket.write(bytes.subarray(end + 2));
        socket.pipe(socket);
        return;
      }
      const to = connect(databasePort, "127.0.0.1");
      sockets.add(to.on("error", () => undefined));
      socket.on("close", () => to.destroy());
      to.on("close", () => socket.destroy());
      to.write(bytes.subarray(end + 2));
      socket.pipe(to).pipe(socket);
    });
  }).listen(0, "127.0.0.1");
  await once(reader, "listening");
  try {
    const port = await freePort();
    await using daemon = await start("announced");
    const client = daemon.client(await daemon.login());
    const to = `tcp://127.0.0.1:${(reader.address() as AddressInfo).port}`;
    const spec = { listen: `tcp://:${port}`, to, proxyProtocol: "v1" } as const;
    await client.call(routeRoutes.create, { body: { spec } });
    assert.equal(await askedAt(port), "told");
    const [line = ""] = heads;
    assert.match(line, new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${port}$`));
    assert.equal(heads.length, 1);
  } finally {
    for (const socket of sockets) socket.destroy();
    reader.close();
  }
});
