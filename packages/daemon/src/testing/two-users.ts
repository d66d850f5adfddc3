/**
 * Two users of one machine, on a real engine: amber, who has one of everything, and basil, who looks for it. All that is
 * amber's is known by a word in it, so that whoever sees any of it can be told.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type DaemonProcess, startDaemonProcess } from "./daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "./engine-process.ts";

const SKERRY = fileURLToPath(new URL("../../../cli/bin/skerry", import.meta.url));
const DEADLINE_MS = 60_000;
/** An address of the machine that is not its loopback. */
export const MACHINE = "198.51.100.1";
/** In each of amber's things, and in what they say. */
export const SECRET = "opal";
export const SITE_HOST = "site.opal.example";
export const APP_HOST = "app.opal.example";

export interface User {
  readonly name: string;
  readonly client: Client;
  readonly token: string;
  readonly projectUid: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface TwoUsers extends AsyncDisposable {
  readonly engine: EngineProcess;
  readonly daemon: DaemonProcess;
  readonly admin: Client;
  readonly amber: User;
  readonly basil: User;
  /** Amber's container with a published port, and the one that only its neighbours reach. */
  readonly web: ContainerView;
  readonly db: ContainerView;
  docker(...words: string[]): string;
  /** One request to the API as it is written here. A stream is read for `readMs` at most. */
  ask(who: User, method: string, target: string, body?: unknown, readMs?: number): Promise<Answer>;
  /** The real CLI. `status`: its exit code; `text`: all that it prints. */
  cli(who: User, ...words: string[]): Promise<Answer>;
  /** Runs a shell script in one of the user's containers. */
  inside(who: User, container: string, script: string): Promise<Answer>;
}

/** Nothing that only amber knows: a word of hers that basil did not say himself, an id, an address. */
export function assertTellsNothing(world: TwoUsers, { text }: Answer, what: string, said = ""): void {
  const { amber, web, db } = world;
  const known = [
    amber.projectUid,
    web.meta.uid,
    db.meta.uid,
    web.spec.imageId,
    web.status?.address,
    db.status?.address,
  ];
  // Answers repeat what was asked for.
  const words = text.replaceAll(said || "\0", "").match(/opal[a-z.-]*/g) ?? [];
  const asked = new Set([...said.matchAll(/opal[a-z.-]*/g)].map(([word]) => word));
  const told = words.filter((word) => ![...asked].some((one) => one.startsWith(word) || word.startsWith(one)));
  const ids = known.filter((id) => id !== undefined && text.includes(id) && !said.includes(id));
  assert.deepEqual([...told, ...ids], [], `${what} tells: ${text}`);
}

export async function untilRunning(client: Client, name: string): Promise<ContainerView> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const view = await client.call(containerRoutes.get, { params: { name } });
    if (view.status?.state === "running") return view;
    if (performance.now() > endMs) throw new Error(`${name} is ${JSON.stringify(view.status)}`);
    await sleep(50);
  }
}

export async function startTwoUsers(): Promise<TwoUsers> {
  await using parts = new AsyncDisposableStack();
  const engine = parts.use(await startEngineProcess());
  engine.run("busybox", "ip", "addr", "add", `${MACHINE}/32`, "dev", "lo");
  const data = join(engine.directory, "skerry");
  // As open as an operator can make it: what keeps basil away is not the address.
  const open = ["--listen-http", "0.0.0.0:0", "--listen-https", "0.0.0.0:0", "--engine-publish", "0.0.0.0"];
  const argv = ["--engine-socket", engine.socketPath, "--gateway-workers", "1", ...open];
  const daemon = parts.use(await startDaemonProcess({ data, argv, wrap: engine.inNetwork }));
  const admin = daemon.client(await daemon.login());
  const amber = await enter(daemon, admin, "amber");
  const basil = await enter(daemon, admin, "basil");
  await furnish(engine, amber.client);
  await basil.client.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  const spec = { image: "box", command: ["sh", "-c", "echo near > /www/index.html; exec httpd -f -p 8000 -h /www"] };
  await basil.client.call(containerRoutes.create, { body: { name: "near", spec } });
  await basil.client.call(containerRoutes.create, {
    body: { name: "spy", spec: { image: "box", command: ["sleep", "100000"], pids: 1000 } },
  });
  for (const name of ["spy", "near"]) await untilRunning(basil.client, name);
  const [web, db] = [await untilRunning(amber.client, "opal-web"), await untilRunning(amber.client, "opal-db")];
  const home = join(engine.directory, "cli");
  await mkdir(home);
  const owned = parts.move();
  return {
    ...{ engine, daemon, admin, amber, basil, web, db },
    docker: (...words) => engine.run("docker", "-H", `unix://${engine.socketPath}`, ...words),
    ask: (who, method, target, body, readMs = DEADLINE_MS) => ask(daemon, who, { method, target, body, readMs }),
    cli: (who, ...words) => runCli({ HOME: home, SKERRY_DATA: data, SKERRY_TOKEN: who.token }, words),
    inside,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function enter(daemon: DaemonProcess, admin: Client, name: string): Promise<User> {
  const { password = "" } = await admin.call(userRoutes.create, { body: { name } });
  const { token } = await daemon.client().call(sessionRoutes.create, { body: { name, password } });
  const client = daemon.client(token);
  const { projectUid } = await client.call(sessionRoutes.whoami, {});
  return { name, token, projectUid, client };
}

/** One of everything. */
async function furnish(engine: EngineProcess, amber: Client): Promise<void> {
  // Of content, and so of an id, that nobody else has.
  const image = (await readFile(engine.imageFile, "latin1")).replace('"busybox-static"', '"opalbox-static"');
  const bytes = Readable.from([Buffer.from(image, "latin1")]);
  await amber.upload(imageRoutes.load, { bytes, query: { name: "opal-img:1" } });
  await amber.call(volumeRoutes.create, { body: { name: "opal-vol" } });
  await amber.call(networkRoutes.create, { body: { name: "opal-net" } });
  const labels = { tier: "opal" };
  const serve =
    "echo opal-said; echo opal-page > /www/index.html; echo opal-kept > /data/file; exec httpd -f -p 8000 -h /www";
  const web = {
    ...{ image: "opal-img:1", command: ["sh", "-c", serve], env: { KEY: "opal-key" } },
    ...{ volumes: [{ name: "opal-vol", path: "/data" }], publish: [{ port: 8000, hostPort: 0 }] },
  };
  await amber.call(containerRoutes.create, { body: { name: "opal-web", labels, spec: web } });
  const db = { image: "opal-img:1", command: ["httpd", "-f", "-p", "5432", "-h", "/www"] };
  await amber.call(containerRoutes.create, { body: { name: "opal-db", labels, spec: db } });
  await amber.call(bucketRoutes.create, { body: { name: "opal-site" } });
  for (const key of ["index.html", "opal.txt"]) {
    const content = Readable.from([Buffer.from("opal-bucket\n")]);
    await amber.upload(objectRoutes.put, { params: { bucket: "opal-site", key }, bytes: content });
  }
  await amber.call(routeRoutes.create, { body: { spec: { host: SITE_HOST, to: "bucket/opal-site" }, labels } });
  await amber.call(routeRoutes.create, { body: { spec: { host: APP_HOST, to: "container/opal-web:8000" }, labels } });
}

function ask(
  daemon: DaemonProcess,
  who: User,
  { method, target, body, readMs }: { method: string; target: string; body: unknown; readMs: number },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${who.token}`, "content-type": "application/json" };
    const sent = request({ socketPath: daemon.socketPath, method, path: target, headers }, (response) => {
      let text = "";
      const done = () => resolve({ status: response.statusCode ?? 0, text });
      const enough = setTimeout(() => {
        done();
        sent.destroy();
      }, readMs);
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response
        .on("error", () => undefined)
        .on("close", () => {
          clearTimeout(enough);
          done();
        });
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function runCli(env: Record<string, string>, words: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { PATH = "" } = process.env;
    const child = spawn(SKERRY, words, { env: { PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    const take = (part: Buffer) => {
      text += part.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? -1, text }));
  });
}

async function inside({ client }: User, container: string, script: string): Promise<Answer> {
  const query = { command: '["sh"]' };
  using terminal = await client.terminal(containerRoutes.exec, { params: { name: container }, query });
  await terminal.write(Buffer.from(script));
  terminal.endInput();
  let text = "";
  for await (const { bytes } of terminal.output) text += Buffer.from(bytes).toString();
  return { status: await terminal.exitCode, text };
}
