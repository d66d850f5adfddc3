/** The main job: a container under a host name with TLS, which follows it; another user on the machine reaches nothing. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { authorityRoutes, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { type DaemonProcess, startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

const DEADLINE_MS = 60_000;
const HOST = "app.example.com";
const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let daemon: DaemonProcess;
let mia: Client;
let zoe: Client;
let ca: string;

before(async () => {
  engine = parts.use(await startEngineProcess());
  const argv = ["--engine-socket", engine.socketPath, "--gateway-workers", "1"];
  const data = join(engine.directory, "skerry");
  daemon = parts.use(await startDaemonProcess({ data, argv, wrap: engine.inNetwork }));
  const admin = daemon.client(await daemon.login());
  const enter = async (name: string) => {
    const { password = "" } = await admin.call(userRoutes.create, { body: { name } });
    return daemon.client((await daemon.client().call(sessionRoutes.create, { body: { name, password } })).token);
  };
  mia = await enter("mia");
  zoe = await enter("zoe");
  for (const client of [mia, zoe])
    await client.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  ca = join(engine.directory, "ca.pem");
  await writeFile(ca, (await mia.call(authorityRoutes.get, {})).certificate);
});
after(() => parts.disposeAsync());

/** Status, and what is shown. */
function curl(host = HOST): string {
  const port = new URL(daemon.httpsUrl ?? "").port;
  const resolve = ["--resolve", `${host}:${port}:127.0.0.1`, "--cacert", ca];
  return engine.run("curl", "-sS", "--max-time", "10", "-w", " %{http_code}", ...resolve, `https://${host}:${port}/`);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, `not in time: ${what}`);
    await sleep(50);
  }
  return Math.round(performance.now() - startMs);
}

const page = (text: string) => ["sh", "-c", `echo ${text} > /www/index.html; exec httpd -f -p 8000 -h /www`];
const runWeb = (client: Client, text: string) =>
  client.call(containerRoutes.create, { body: { name: "web", spec: { image: "box", command: page(text) } } });
const setRunning = (running: boolean) =>
  mia.call(containerRoutes.update, { params: { name: "web" }, body: { spec: { running } } });

test("a route to a container is there with it, and says why when it is not", async (t) => {
  const made = await mia.call(routeRoutes.create, { body: { spec: { host: HOST, to: "container/web:8000" } } });
  assert.deepEqual([made.status?.state, made.status?.reason], ["down", "there is no container web"]);
  assert.match(curl(), /"reason":"upstream".* 502$/s);
  await runWeb(mia, "mia");
  t.diagnostic(`there after ${await until("it is there", () => curl() === "mia\n 200")} ms`);
  await setRunning(false);
  await until("it is gone", () => curl().endsWith(" 502"));
  await setRunning(true);
  t.diagnostic(`there again after ${await until("it is there again", () => curl() === "mia\n 200")} ms`);
});

test("it follows a container that is killed and one that takes its place", async (t) => {
  const { meta } = await mia.call(containerRoutes.get, { params: { name: "web" } });
  engine.run("docker", "-H", `unix://${engine.socketPath}`, "kill", `skerry-${meta.uid}`);
  t.diagnostic(`there again after ${await until("it is there again", () => curl() === "mia\n 200")} ms`);
  await mia.call(containerRoutes.delete, { params: { name: "web" } });
  await runWeb(mia, "other");
  await until("the other is there", () => curl() === "other\n 200");
});

test("another user has a container of the same name, and reaches nothing of this one's", async () => {
  await runWeb(zoe, "zoe");
  await zoe.call(routeRoutes.create, { body: { spec: { host: "zoe.example.com", to: "container/web:8000" } } });
  await until("theirs is there", () => curl("zoe.example.com") === "zoe\n 200");
  assert.equal(curl(), "other\n 200");
  const { status } = await mia.call(containerRoutes.get, { params: { name: "web" } });
  // By its address, past the name. A name that leads there is refused where the gateway connects.
  const to = `http://${status?.address}:8000`;
  await assert.rejects(zoe.call(routeRoutes.create, { body: { spec: { host: "sly.example.com", to } } }), {
    code: "forbidden",
    message: /gateway\.upstreams:any/,
  });
  for (const host of [HOST, `x.${HOST}`]) {
    await assert.rejects(zoe.call(routeRoutes.create, { body: { spec: { host, to: "container/web:8000" } } }), {
      code: "conflict",
    });
  }
  for (const work of [
    () => zoe.call(routeRoutes.get, { params: { name: "app-example-com" }, query: { project: "mia" } }),
    () => zoe.call(containerRoutes.get, { params: { name: "web" }, query: { project: "mia" } }),
    () => zoe.download(containerRoutes.logs, { params: { name: "web" }, query: { project: "mia" } }),
  ]) {
    await assert.rejects(work, (error) => error instanceof SkerryError && error.is("not_found"));
  }
});
