/** The access log of real worker processes: what is in the files, and what a kill costs. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TableEntry } from "@skerry/core/gateway/table.ts";
import { realClock as clock } from "@skerry/core/platform/clock.ts";
import { createCollectingLogger, createCollectingMetrics } from "@skerry/core/testing/sim-telemetry.ts";
import { Fleet } from "./fleet.ts";
import type { FleetOptions } from "./fleet-options.ts";

let scratch = "";
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "skerry-access-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

const ANY = { host: "127.0.0.1", port: 0 };
const ENTRY: TableEntry = {
  ...{ id: "uid-web", name: "web", project: "uid-mia", host: "127.0.0.1", path: "/web" },
  upstream: { backends: [], reason: "it is a test", reach: "any" },
};

async function startFleet(accessLog?: FleetOptions["accessLog"]) {
  const metrics = createCollectingMetrics();
  const fleet = new Fleet({
    ...{ clock, log: createCollectingLogger(), metrics, guarded: [], workers: 1, tlsMinVersion: "1.2" as const },
    ...{ http: ANY, https: ANY, entries: () => [ENTRY], certificateFor: async () => undefined },
    limits: { minRestartMs: 20 },
    ...(accessLog && { accessLog }),
  });
  await fleet.start();
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${fleet.httpPort}${path}`, { headers: { connection: "close" } });
  return Object.assign(fleet, { get, metrics });
}

async function until<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  const endMs = clock.monotonicMs() + 20_000;
  for (;;) {
    const found = await find().catch(() => undefined);
    if (found !== undefined) return found;
    assert.ok(clock.monotonicMs() < endMs, `did not happen: ${what}`);
    await clock.sleep(20);
  }
}

const read = async (directory: string) =>
  (await readFile(join(directory, "access-0.log"), "utf8"))
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("a worker that drains leaves every line, in files that nobody else may read, without the query", async () => {
  const directory = join(scratch, "drained");
  await using fleet = await startFleet({ directory, share: 1 });
  await fleet.get("/web/x?token=secret");
  await fleet.get("/nowhere");
  await fleet.drain(10_000);
  const lines = await read(directory);
  assert.deepEqual(
    lines.map(({ route, name, project, path, status, error, client, method, protocol }) => {
      return { route, name, project, path, status, error, client, method, protocol };
    }),
    [
      {
        ...{ route: "uid-web", name: "web", project: "uid-mia", path: "/web/x", status: 502 },
        ...{ error: "unavailable/upstream", client: "127.0.0.1", method: "GET", protocol: "HTTP/1.1" },
      },
      {
        ...{ route: undefined, name: undefined, project: undefined, path: "/nowhere", status: 404 },
        ...{ error: "not_found/route", client: "127.0.0.1", method: "GET", protocol: "HTTP/1.1" },
      },
    ],
  );
  assert.doesNotMatch(await readFile(join(directory, "access-0.log"), "utf8"), /secret/);
  assert.equal((await stat(join(directory, "access-0.log"))).mode & 0o777, 0o600);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
});

test("a worker that is killed has written what is older than a second; who takes its place goes on in its file", async () => {
  const directory = join(scratch, "killed");
  await using fleet = await startFleet({ directory, share: 1 });
  await fleet.get("/web/old");
  await until("it is written", async () => ((await read(directory)).length === 1 ? true : undefined));
  const [pid = 0] = fleet.pids;
  process.kill(pid, "SIGKILL");
  await until("another serves", async () => (fleet.pids.length === 1 && fleet.pids[0] !== pid ? true : undefined));
  await until("it answers", () => fleet.get("/web/new"));
  await fleet.drain(10_000);
  const paths = (await read(directory)).map(({ path }) => path);
  assert.deepEqual(paths, ["/web/old", "/web/new"]);
  assert.deepEqual(await readdir(directory), ["access-0.log"]);
});

test("a log that cannot be written holds up no request, and the metrics count what is lost", async () => {
  // A file in the way of the directory.
  const directory = join(scratch, "drained", "access-0.log");
  await using fleet = await startFleet({ directory, share: 1 });
  assert.equal((await fleet.get("/web")).status, 502);
  await until("it is counted", async () => {
    await fleet.get("/web");
    return fleet.metrics.value("skerry_gateway_access_log_dropped_lines_total") > 0 ? true : undefined;
  });
});

test("turned off, it writes nothing", async () => {
  await using fleet = await startFleet();
  assert.equal((await fleet.get("/web")).status, 502);
  await fleet.drain(10_000);
  assert.deepEqual((await readdir(scratch)).toSorted(), ["drained", "killed"]);
});
