/** Files into containers and out of them, on a real engine: by the CLI and the API, whether a container runs or not. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { takeFile, tarOfFile } from "@skerry/core/contract/one-file-tar.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";
import { type EngineProcess, startEngineProcess } from "../src/testing/engine-process.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
const DEADLINE_MS = 60_000;
const parts = new AsyncDisposableStack();
let engine: EngineProcess;
let admin: Client;
let home: string;
let cli: (...words: string[]) => Promise<string>;

before(async () => {
  engine = parts.use(await startEngineProcess());
  const data = join(engine.directory, "skerry");
  const argv = ["--engine-socket", engine.socketPath];
  const daemon = parts.use(await startDaemonProcess({ data, argv, wrap: engine.inNetwork }));
  const token = await daemon.login();
  admin = daemon.client(token);
  await admin.upload(imageRoutes.load, { bytes: createReadStream(engine.imageFile), query: { name: "box" } });
  const spec = { image: "box", command: ["sleep", "100000"] };
  await admin.call(containerRoutes.create, { body: { name: "web", spec } });
  await until("running");
  home = join(engine.directory, "home");
  await mkdir(home);
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, SKERRY_DATA: data, SKERRY_TOKEN: token };
  cli = async (...words) => (await promisify(execFile)(SKERRY, words, { env, cwd: home })).stdout;
});
after(() => parts.disposeAsync());

const params = { name: "web" };

async function until(state: string): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while ((await admin.call(containerRoutes.get, { params })).status?.state !== state) {
    assert.ok(performance.now() < endMs, `it is not ${state}`);
    await sleep(50);
  }
}

async function setRunning(running: boolean): Promise<void> {
  await admin.call(containerRoutes.update, { params, body: { spec: { running } } });
  await until(running ? "running" : "stopped");
}

async function exec(script: string): Promise<string> {
  const query = { command: JSON.stringify(["sh", "-c", script]) };
  using terminal = await admin.terminal(containerRoutes.exec, { params, query });
  terminal.endInput();
  return Buffer.concat(await Array.fromAsync(terminal.output, ({ bytes }) => Buffer.from(bytes))).toString();
}

const write = (path: string, name: string, text: string) => {
  const bytes = Readable.from([Buffer.from(text)]);
  const tar = tarOfFile({ name, sizeBytes: text.length, mode: 0o4755, modifiedMs: 0, bytes });
  return admin.upload(containerRoutes.writeFiles, { params, query: { path }, bytes: tar });
};
const read = async (path: string): Promise<string> => {
  const { body } = await admin.download(containerRoutes.readFiles, { params, query: { path } });
  let text = "";
  await takeFile(body, async ({ bytes }) => {
    text = Buffer.concat(await Array.fromAsync(bytes)).toString();
  });
  return text;
};

test("go in and come out, whether it runs or not", async () => {
  const text = "line\n".repeat(100_000);
  assert.deepEqual(await write("/tmp", "note", text), { files: 1, sizeBytes: text.length });
  assert.equal(await exec("wc -c < /tmp/note; stat -c %a:%u /tmp/note"), "500000\n755:0\n");
  await setRunning(false);
  assert.equal(await read("/tmp/note"), text);
  await write("/www", "index.html", "copied");
  await setRunning(true);
  assert.equal(await exec("cat /www/index.html"), "copied");
});

test("by the CLI they keep their name or get another, here and there", async () => {
  await writeFile(join(home, "site.conf"), "port 80\n", { mode: 0o600 });
  await cli("container", "cp", "site.conf", "web:/etc/");
  await cli("container", "cp", "site.conf", "web:/etc/other.conf");
  assert.equal(await exec("cat /etc/site.conf /etc/other.conf; stat -c %a /etc/site.conf"), "port 80\nport 80\n600\n");
  await mkdir(join(home, "back"));
  await cli("container", "cp", "web:/etc/other.conf", "back");
  await cli("container", "cp", "web:/etc/site.conf", "back/new.conf");
  for (const name of ["other.conf", "new.conf"]) {
    assert.equal(await readFile(join(home, "back", name), "utf8"), "port 80\n");
    assert.equal((await stat(join(home, "back", name))).mode & 0o777, 0o600);
  }
  for (const [words, code] of [
    [["web:/nothing", "x"], 5],
    [["nothing", "web:/tmp/"], 5],
    [["site.conf", "web:/nothing/"], 5],
    [["site.conf", "gone:/tmp/"], 5],
    [["back", "web:/tmp/"], 2],
    [["web:/etc", "x"], 2],
    [["site.conf", "web:/www"], 2],
    [["site.conf", "x"], 2],
    [["web:/a", "web:/b"], 2],
  ] as const) {
    await assert.rejects(cli("container", "cp", ...words), { code }, words.join(" "));
  }
  assert.deepEqual((await readdir(home)).sort(), ["back", "site.conf"]);
  assert.deepEqual((await readdir(join(home, "back"))).sort(), ["new.conf", "other.conf"]);
});

test("never leave the container, whatever its links say; what is missing or no file is said", async () => {
  await writeFile(join(engine.directory, "outside"), "the machine's");
  await exec(`ln -s ${engine.directory} /tmp/out; ln -s /tmp/../../../..${engine.directory}/outside /tmp/o`);
  await assert.rejects(write("/tmp/out", "planted", "x"), { code: "not_found" });
  await assert.rejects(read("/tmp/out/outside"), { code: "not_found" });
  await assert.rejects(read("/tmp/o"), { code: "invalid", message: /a link to/ });
  assert.ok(!(await readdir(engine.directory)).includes("planted"));
  await assert.rejects(read("/nothing"), { code: "not_found", message: /\/nothing/ });
  await assert.rejects(read("/www"), { code: "invalid" });
  await assert.rejects(write("/nothing", "x", "x"), { code: "not_found" });
  await assert.rejects(write("/", "www", "x"), { code: "invalid" });
  for (const path of ["www", "/a/../b", "//", "/www/"]) await assert.rejects(read(path), { code: "invalid" });
});
