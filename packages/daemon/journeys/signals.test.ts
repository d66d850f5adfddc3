/** SIGTERM drains, SIGHUP reloads, kill -9 takes nothing with it but the process. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-signals-"));
});
after(() => rm(directory, { recursive: true, force: true }));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await holds()); await sleep(20)) {
    assert.ok(performance.now() < deadline, what);
  }
}

test("SIGTERM: an upload under way is finished and kept, a watch is told, then the process ends with 0", async () => {
  const data = join(directory, "drain");
  let token: string;
  {
    await using daemon = await startDaemonProcess({ data });
    token = await daemon.login();
    const client = daemon.client(token);
    await client.call(bucketRoutes.create, { body: { name: "box" } });

    const gate = Promise.withResolvers<void>();
    let started = false;
    const bytes = (async function* () {
      started = true;
      yield Buffer.alloc(1_000_000, 1);
      await gate.promise;
      yield Buffer.alloc(1_000_000, 2);
    })();
    const upload = client.upload(objectRoutes.put, { params: { bucket: "box", key: "slow" }, bytes });
    const watch = await client.download(bucketRoutes.list, { query: { watch: "1", from: 1 } });
    const told = (async () => {
      let text = "";
      for await (const part of watch.body) text += Buffer.from(part).toString();
      return text;
    })();
    await until("the upload has begun", () => started);
    const ended = daemon.kill("SIGTERM");
    assert.match(await told, /event: end\ndata: .*"reason":"draining"/);
    await until("no new connections", () =>
      client.call(sessionRoutes.whoami).then(
        () => false,
        () => true,
      ),
    );
    gate.resolve();
    assert.equal((await upload).sizeBytes, 2_000_000);
    assert.equal(await ended, 0);
  }
  await using again = await startDaemonProcess({ data });
  const head = await again.client(token).download(objectRoutes.head, { params: { bucket: "box", key: "slow" } });
  assert.equal(head.headers["content-length"], "2000000");
});

test("a signal that comes twice at once, as Ctrl-C does under npm, drains; another one later ends it at once", async () => {
  for (const [again, pauseMs, status] of [
    ["SIGINT", 0, 0],
    ["SIGTERM", 1_500, 1],
  ] as const) {
    await using daemon = await startDaemonProcess({ data: join(directory, "twice") });
    const client = daemon.client(await daemon.login());
    const name = `box${pauseMs}`;
    await client.call(bucketRoutes.create, { body: { name } });
    const gate = Promise.withResolvers<void>();
    let started = false;
    const bytes = (async function* () {
      started = true;
      yield Buffer.alloc(100_000);
      await gate.promise;
    })();
    const upload = client.upload(objectRoutes.put, { params: { bucket: name, key: "slow" }, bytes }).then(
      () => "stored",
      () => "cut",
    );
    await until("the upload has begun", () => started);
    const ended = daemon.kill("SIGINT");
    if (pauseMs > 0) {
      await until("it drains", () => daemon.lines.some((line) => line.includes("draining")));
      await sleep(pauseMs);
    }
    process.kill(daemon.pid, again);
    await sleep(100);
    gate.resolve();
    assert.deepEqual([await upload, await ended], status === 0 ? ["stored", 0] : ["cut", 1]);
  }
});

test("SIGHUP: the level of the log changes, a bad file changes nothing and is named", async () => {
  const config = join(directory, "skerry.yaml");
  await writeFile(config, "log:\n  level: info\n");
  await using daemon = await startDaemonProcess({ data: join(directory, "reload"), argv: ["--config", config] });
  const lines = () => daemon.lines.length;
  const says = (text: string, from: number) => daemon.lines.slice(from).some((line) => line.includes(text));
  await writeFile(config, "log:\n  level: error\nlisten:\n  api: 127.0.0.1:1\n");
  process.kill(daemon.pid, "SIGHUP");
  const client = daemon.client();
  await until("requests are not logged any more", async () => {
    const from = lines();
    await client.download(nodeRoutes.live, {}).then(({ body }) => Array.fromAsync(body));
    await sleep(100);
    return !says('"route":"health.live"', from);
  });
  const from = lines();
  await writeFile(config, "log:\n  levle: info\n");
  process.kill(daemon.pid, "SIGHUP");
  await until("the mistake is named", () => says("levle", from));
  await writeFile(config, "log:\n  level: info\n");
  process.kill(daemon.pid, "SIGHUP");
  await until("reloaded", () => says("configuration reloaded", from));
  await client.download(nodeRoutes.live, {}).then(({ body }) => Array.fromAsync(body));
  await until("logged again", () => says('"route":"health.live"', from));
});
