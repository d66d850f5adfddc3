/** The log of requests with jq, in the full tier: one line for each, by the id that client and upstream know it by. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));
const RUN_MS = 60_000;
const REQUESTS = 60;
/** What a terminal or a reader of JSON could take for something else; each is sent as it stands. */
const ODD = ['/"', "/a\\b", "/\u00ff\u00fe", "/{}", "/%00%1b[2J", "/'$(id)'"];

function run(program: string, args: readonly string[], input = "", env: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: RUN_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program}: ${stderr}`, { cause: error }));
    });
    child.stdin?.end(input);
  });
}

/** The status and the X-Request-Id of the answer. */
async function ask(port: number, path: string, id: string): Promise<readonly [string | undefined, string | undefined]> {
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
  });
  const head = `GET ${path} HTTP/1.1\r\nHost: log.example\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`;
  socket.write(Buffer.from(head, "latin1"));
  await once(socket, "close");
  return [/^HTTP\/1\.1 (\d+)/.exec(text)?.[1], /\r\nX-Request-Id: (.*)\r\n/i.exec(text)?.[1]];
}

test("jq finds each request once, with what became of it, whatever its path is made of", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-access-log-"));
  const seen: string[] = [];
  const backend = createServer((request, response) => {
    seen.push(String(request.headers["x-request-id"]));
    response.writeHead(request.url?.startsWith("/7?") ? 503 : 200).end("ok");
  }).listen(0, "127.0.0.1");
  try {
    await once(backend, "listening");
    await using daemon = await startDaemonProcess({ data: join(directory, "data"), argv: ["--gateway-workers", "2"] });
    const token = await daemon.login();
    const spec = { host: "log.example", to: `http://127.0.0.1:${(backend.address() as AddressInfo).port}` };
    await daemon.client(token).call(routeRoutes.create, { body: { name: "page", spec } });
    const contexts = [{ name: "here", socketPath: daemon.socketPath, token }];
    const text = JSON.stringify({ version: 1, current: "here", contexts });
    await writeFile(join(directory, "contexts.json"), text, { mode: 0o600 });

    const port = Number(new URL(daemon.httpUrl ?? "").port);
    const answers = new Map<string, readonly [string | undefined, string | undefined]>();
    for (let n = 0; n < REQUESTS; n++) answers.set(`id-${n}`, await ask(port, `/${n}?secret=1`, `id-${n}`));
    const oddStatuses: string[] = [];
    for (const [n, path] of ODD.entries()) oddStatuses.push((await ask(port, path, `odd-${n}`))[0] ?? "");
    for (const [id, [, told]] of answers) assert.equal(told, id, "the client hears it");
    for (const id of answers.keys()) assert.equal(seen.filter((one) => one === id).length, 1, "the upstream, too");

    const env = { SKERRY_CONFIG_DIR: directory, HOME: directory };
    const log = async () => run(SKERRY, ["gateway", "log", "-n", "1000", "-o", "json"], "", env);
    let lines = "";
    for (let tries = 0; (lines.match(/\n/g) ?? []).length < REQUESTS + ODD.length; tries++) {
      assert.ok(tries < 100, `it has ${lines}`);
      await sleep(100);
      lines = await log();
    }
    const jq = async (filter: string): Promise<unknown> => JSON.parse(await run("jq", ["-s", "-c", filter], lines));
    assert.equal(await jq("length"), REQUESTS + ODD.length);
    assert.equal(await jq("map(.id) | unique | length"), REQUESTS + ODD.length);
    assert.deepEqual(
      await jq('map(select(.id == "id-7")) | map([.method, .host, .path, .status, .name])'),
      [["GET", "log.example", "/7", 503, "page"]],
      "one line, without the query",
    );
    assert.equal(await jq("map(select(.durationUs >= .upstreamUs and .upstreamUs > 0)) | length >= 60"), true);
    assert.equal(
      await jq('map(select(has("time") and (.time | test("^[0-9T:.-]+Z$")))) | length'),
      REQUESTS + ODD.length,
    );
    // What cannot be read as a request has an id of the gateway's.
    const odd = (await jq('map(select(.id | startswith("id-") | not)) | map(.status | tostring) | sort')) as string[];
    assert.deepEqual(odd, oddStatuses.sort());
    assert.ok(!lines.includes("secret"));
  } finally {
    backend.closeAllConnections();
    backend.close();
    await rm(directory, { recursive: true, force: true });
  }
});
