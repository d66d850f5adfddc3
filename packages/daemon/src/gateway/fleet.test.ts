/** Worker processes: certificates by name, one that hangs, ones that end again and again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { pathToFileURL } from "node:url";
import { isError } from "@skerry/core/domain/errors.ts";
import { Authority } from "@skerry/core/gateway/authority.ts";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { realDisk as disk } from "@skerry/core/platform/disk.ts";
import { realRandom as random } from "@skerry/core/platform/random.ts";
import { createCollectingLogger, createCollectingMetrics } from "@skerry/core/testing/sim-telemetry.ts";
import { Fleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet-options.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-fleet-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const ANY = { host: "127.0.0.1", port: 0 };
const entry = (id: string, host: string): TableEntry => {
  return { id, host, path: "/", upstream: { backends: [], reason: "it is a test", reach: "any" } };
};

async function startFleet(options: Partial<FleetOptions> = {}) {
  const log = createCollectingLogger();
  const metrics = createCollectingMetrics();
  const certificateFor = async () => undefined;
  const shared = { clock, log, metrics, guarded: [], tlsMinVersion: "1.2", entries: () => [], certificateFor } as const;
  const fleet = new Fleet({ ...shared, workers: 1, http: ANY, https: ANY, ...options });
  await fleet.start();
  return Object.assign(fleet, { log, metrics });
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = clock.monotonicMs() + 20_000;
  while (!(await holds())) {
    assert.ok(clock.monotonicMs() < endMs, `did not happen: ${what}`);
    await clock.sleep(20);
  }
}

/** Of a request in the clear. */
async function statusOf(port: number, host: string): Promise<number | undefined> {
  const [answer] = (await once(get({ port, host: "127.0.0.1", headers: { host } }), "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

/** The names of the certificate that a handshake gets, and the status of a request after it. */
function shakeHands(port: number, servername: string): Promise<{ names: string; status: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const names = socket.getPeerCertificate().subjectaltname ?? "";
      socket.write(`GET / HTTP/1.1\r\nHost: ${servername || "127.0.0.1"}\r\nConnection: close\r\n\r\n`);
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString();
      });
      socket.once("close", () => resolve({ names, status: text.split(" ")[1] ?? "" }));
    });
  });
}

test("a handshake gets the certificate of its name; one without, and one that no route serves, the default one", async () => {
  const authority = new Authority({ disk, random, clock, directory: join(directory, "ca"), cluster: "c".repeat(26) });
  const asked: string[] = [];
  await using fleet = await startFleet({
    entries: () => [entry("a", "app.example"), entry("w", "*.wild.example"), entry("d", "own.wild.example")],
    certificateFor: async (host) => {
      asked.push(host);
      return host === "" ? authority.issue("gateway.invalid", "127.0.0.1") : authority.issue(host);
    },
  });
  const defaults = "DNS:gateway.invalid, IP Address:127.0.0.1";
  for (const [name, names, status] of [
    ["", defaults, "404"],
    ["app.example", "DNS:app.example", "502"],
    ["APP.example", "DNS:app.example", "502"],
    ["other.example", defaults, "404"],
    ["x.app.example", defaults, "404"],
    ["one.wild.example", "DNS:*.wild.example", "502"],
    ["two.wild.example", "DNS:*.wild.example", "502"],
    ["own.wild.example", "DNS:own.wild.example", "502"],
    ["a.b.wild.example", "DNS:a.b.wild.example", "502"],
  ] as const) {
    assert.deepEqual(await shakeHands(fleet.httpsPort, name), { names, status }, name);
  }
  // Nobody can make the daemon work by names that he makes up.
  assert.deepEqual(asked, ["", "app.example", "*.wild.example", "own.wild.example", "a.b.wild.example"]);
  const many = Array.from({ length: 60 }, (_, i) => shakeHands(fleet.httpsPort, `x${i}.deep.wild.example`));
  const got = await Promise.all(many);
  assert.ok(got.some(({ names }) => names === defaults));
  assert.ok(asked.length < 60, `${asked.length} were asked for`);
});

test("every worker resumes the TLS sessions of the others", async (t) => {
  const authority = new Authority({ disk, random, clock, directory: join(directory, "re"), cluster: "c".repeat(26) });
  await using fleet = await startFleet({
    workers: 3,
    entries: () => [entry("a", "app.example")],
    certificateFor: (host) => authority.issue(host === "" ? "gateway.invalid" : host),
  });
  const visit = (session?: Buffer) =>
    new Promise<{ session: Buffer | undefined; isReused: boolean }>((resolve, reject) => {
      const target = { host: "127.0.0.1", port: fleet.httpsPort, servername: "app.example" };
      const socket = connect({ ...target, rejectUnauthorized: false, ...(session === undefined ? {} : { session }) });
      let given: Buffer | undefined;
      let isReused = false;
      socket.on("session", (next) => {
        given = next;
      });
      socket.once("error", reject);
      socket.once("close", () => resolve({ session: given, isReused }));
      // The ticket comes before the answer.
      socket.once("secureConnect", () => {
        isReused = socket.isSessionReused();
        socket.write("GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
      });
      socket.resume();
    });
  const first = await visit();
  const visits = await Promise.all(Array.from({ length: 20 }, () => visit(first.session)));
  t.diagnostic(`${visits.filter(({ isReused }) => isReused).length} of 20 resumed`);
  assert.ok(visits.every(({ isReused }) => isReused));
});

test("a connection is not negotiated again", async () => {
  const authority = new Authority({ disk, random, clock, directory: join(directory, "no"), cluster: "c".repeat(26) });
  await using fleet = await startFleet({
    entries: () => [entry("a", "app.example")],
    certificateFor: (host) => authority.issue(host === "" ? "gateway.invalid" : host),
  });
  for (const servername of ["", "app.example"]) {
    const options = { host: "127.0.0.1", port: fleet.httpsPort, servername, maxVersion: "TLSv1.2" } as const;
    const socket = connect({ ...options, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const outcome = await new Promise((resolve) => {
      socket.once("error", () => resolve("refused"));
      socket.once("close", () => resolve("refused"));
      socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error === null ? "done" : "refused"));
    });
    assert.equal(outcome, "refused", servername);
    socket.destroy();
  }
  assert.equal((await fetch(`http://127.0.0.1:${fleet.httpPort}/`)).status, 404);
});

test("without a certificate a handshake is refused, and what is plain goes on", async () => {
  await using fleet = await startFleet({ entries: () => [entry("a", "app.example")] });
  await assert.rejects(shakeHands(fleet.httpsPort, "app.example"));
  await assert.rejects(shakeHands(fleet.httpsPort, ""));
  assert.equal((await fetch(`http://127.0.0.1:${fleet.httpPort}/`)).status, 404);
});

/** Ids of the fleet's processes, as the log names those that ended. */
function endedPids(log: ReturnType<typeof createCollectingLogger>): unknown[] {
  return log.lines.filter(({ message }) => message.includes("ended")).map(({ fields }) => fields["worker"]);
}

async function workerOf(fleet: { readonly pids: readonly number[] }): Promise<number> {
  await until("a worker", () => fleet.pids.length === 1);
  return fleet.pids[0] ?? 0;
}

test("a worker that hangs is replaced, though nothing changes, and the status says so", async () => {
  await using fleet = await startFleet({ limits: { pingMs: 100, maxUnanswered: 2, tellEndsFrom: 1 } });
  assert.deepEqual(fleet.problems(), []);
  const pid = await workerOf(fleet);
  await clock.sleep(1000);
  assert.deepEqual(fleet.pids, [pid], "one that works stays");
  process.kill(pid, "SIGSTOP");
  await until("another takes its place", () => fleet.pids.length === 1 && fleet.pids[0] !== pid);
  await until(
    "it serves",
    async () => (await fetch(`http://127.0.0.1:${fleet.httpPort}/`).catch(() => undefined)) !== undefined,
  );
  await until("it says so", () => fleet.problems().length === 1);
  assert.match(
    fleet.problems().join(),
    /^Gateway workers ended 1 times in the last 10 minutes and were replaced, last by SIGKILL/,
  );
  assert.deepEqual(endedPids(fleet.log), [pid]);
});

/** A worker that says that it serves, and then ends. */
async function brokenWorker(name: string, says: readonly string[]): Promise<URL> {
  const path = join(directory, name);
  const lines = says.map((text) => `process.send(${text});`).join("\n");
  await writeFile(path, `process.on("message", () => { ${lines}\nsetTimeout(() => process.exit(3), 5); });\n`);
  return pathToFileURL(path);
}

const LISTENING = '{ type: "listening", httpPort: 1, httpsPort: 2 }';
const RUNNING = '{ type: "running", generation: 0 }';

for (const [what, says] of [
  ["serves for a moment", [LISTENING, RUNNING]],
  ["ends before it runs the table", [LISTENING]],
] as const) {
  test(`a worker that ${what} is started again ever more slowly, and the status says so`, async () => {
    const worker = await brokenWorker(`${says.length}.mjs`, says);
    await using fleet = await startFleet({ worker, limits: { minRestartMs: 50, maxRestartMs: 100_000 } });
    const ends = () => fleet.log.lines.filter(({ message }) => /ended; another/.test(message)).length;
    await until("it has ended four times", () => ends() >= 4);
    const problems = fleet.problems().join("\n");
    assert.match(
      problems,
      /Gateway workers ended \d+ times in the last 10 minutes .* last by status 3; the daemon's log/,
    );
    const restarts = fleet.metrics.value("skerry_gateway_worker_restarts_total");
    await clock.sleep(300);
    assert.ok(fleet.metrics.value("skerry_gateway_worker_restarts_total") <= restarts + 1, "the pauses grow");
  });
}

test("a route that workers cannot compile stays as it was, the rest of the change is in force, and it is told", async () => {
  const bad = { ...entry("1", "one.test"), path: "(", match: { path: "regex" } } as const;
  await using fleet = await startFleet({ workers: 2, entries: () => [entry("1", "one.test")] });
  const { pids } = fleet;
  const status = (host: string) => statusOf(fleet.httpPort, host);
  const none = { putL4: [], remove: [] };
  assert.equal(await status("one.test"), 502);
  fleet.publish({ ...none, put: [bad, entry("2", "two.test")] });
  await assert.rejects(
    fleet.activated(),
    (error) => isError(error, "internal") && /it is not closed/.test(error.message),
  );
  assert.deepEqual([await status("one.test"), await status("two.test")], [502, 502]);
  assert.match(fleet.problems().join(), /cannot run 1 routes as they are declared: The pattern/);
  fleet.publish({ ...none, put: [entry("3", "three.test")] });
  await fleet.activated();
  assert.equal(await status("three.test"), 502);
  fleet.publish({ ...none, put: [entry("1", "one.test")] });
  await fleet.activated();
  assert.deepEqual([fleet.problems(), fleet.pids], [[], pids], "no worker was replaced");
});

test("a worker starts without a route that it cannot compile", async () => {
  const bad = { ...entry("1", "one.test"), path: "(", match: { path: "regex" } } as const;
  await using fleet = await startFleet({ entries: () => [bad, entry("2", "two.test")] });
  assert.equal(await statusOf(fleet.httpPort, "two.test"), 502);
  assert.match(fleet.problems().join(), /cannot run 1 routes/);
});

test("a worker that fails says why in the log, not on the terminal", async () => {
  const path = join(directory, "throws.mjs");
  const real = new URL("./worker.ts", import.meta.url).href;
  await writeFile(
    path,
    `await import(${JSON.stringify(real)}); setTimeout(() => { throw new Error("a defect"); }, 500);\n`,
  );
  await using fleet = await startFleet({ worker: pathToFileURL(path), limits: { minRestartMs: 60_000 } });
  await until("it says why", () => fleet.log.lines.some(({ fields }) => String(fields["error"]).includes("a defect")));
  await until("it has ended", () => fleet.pids.length === 0);
  assert.match(fleet.problems().join("\n"), /^0 of 1 gateway workers serve/);
});

test("a port that is taken is told, and leaves no worker behind", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(startFleet({ https: { host: "127.0.0.1", port } }), /another program uses this port/);
  other.close();
});
