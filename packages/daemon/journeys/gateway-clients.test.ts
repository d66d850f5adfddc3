/**
 * The programs that people point at a gateway, against a worker: curl in every protocol; with the full tier also h2load,
 * nghttp and wrk, of whose requests each must be answered, and none twice.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PAGE_HOST, startBrowserPage } from "../src/testing/browser-page.ts";
import { CONTENT, GatewayUpstream, HOSTS } from "../src/testing/gateway-upstream.ts";
import { GatewayWorker } from "../src/testing/gateway-worker.ts";

const IS_FULL = process.env["SKERRY_TEST_TIER"] === "full";
const RUN_MS = 120_000;
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

let directory: string;
let upstream: GatewayUpstream;
let worker: GatewayWorker;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-gateway-clients-"));
  upstream = await GatewayUpstream.start();
  worker = await GatewayWorker.start(upstream.entries);
  await writeFile(join(directory, "content"), CONTENT);
  await writeFile(join(directory, "content-small"), CONTENT.subarray(0, 30_000));
});
after(async () => {
  await worker[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], input: string | Buffer = ""): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { timeout: RUN_MS, maxBuffer: 64 * 1024 * 1024, encoding: "latin1" } as const;
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    child.stdin?.on("error", () => undefined).end(input);
  });
}

interface Way {
  readonly name: string;
  readonly flags: readonly string[];
  readonly tls: boolean;
  /** As curl calls it. */
  readonly version: string;
}

const WAYS: readonly Way[] = [
  { name: "HTTP/1.1", flags: ["--http1.1"], tls: false, version: "1.1" },
  { name: "HTTP/2 with prior knowledge", flags: ["--http2-prior-knowledge"], tls: false, version: "2" },
  { name: "HTTP/1.1 over TLS", flags: ["--http1.1", "-k"], tls: true, version: "1.1" },
  { name: "HTTP/2 over TLS", flags: ["--http2", "-k"], tls: true, version: "2" },
];

interface Curled extends Ran {
  /** Heads and trailers, as they came. */
  readonly heads: string;
  readonly version: string;
  readonly http: number;
}

let files = 0;

async function curl(way: Way, host: string, path: string, ...more: readonly string[]): Promise<Curled> {
  const port = way.tls ? worker.httpsPort : worker.httpPort;
  const heads = join(directory, `heads-${files++}`);
  const fixed = ["-sS", "--max-time", "60", "--connect-to", `${host}:${port}:127.0.0.1:${port}`, "-D", heads];
  const told = ["-w", "%{stderr}%{http_version} %{http_code}"];
  const url = `${way.tls ? "https" : "http"}://${host}:${port}${path}`;
  const ran = await run("curl", [...fixed, ...told, ...way.flags, ...more, url], more.includes("-") ? CONTENT : "");
  const [version = "", http = ""] = ran.stderr.trim().split("\n").at(-1)?.split(" ") ?? [];
  return { ...ran, version, http: Number(http), heads: await readFile(heads, "latin1").catch(() => "") };
}

const sha256 = (text: string) => createHash("sha256").update(text, "latin1").digest("hex");

for (const way of WAYS) {
  for (const [spoken, host] of Object.entries(HOSTS)) {
    describe(`curl by ${way.name}, to an upstream of ${spoken}`, () => {
      test("gets answers, whole and in parts", async () => {
        const small = await curl(way, host, "/");
        assert.deepEqual([small.status, small.version, small.http], [0, way.version, 200], small.stderr);
        assert.match(small.stdout, spoken === "HTTP/2" ? /from 2\.0$/ : /from 1\.1$/);
        const whole = await curl(way, host, "/bytes");
        assert.equal(sha256(whole.stdout), SHA256);
        const part = await curl(way, host, "/bytes", "-r", "1000-70000");
        assert.equal(part.http, 206);
        assert.match(part.heads, /content-range: bytes 1000-70000\/1000003\r\n/i);
        assert.equal(sha256(part.stdout), sha256(CONTENT.toString("latin1", 1000, 70_001)));
        const head = await curl(way, host, "/bytes", "-I");
        assert.match(head.heads, /content-length: 1000003\r\n/i);
      });

      test("gets trailers", async () => {
        const trailed = await curl(way, host, "/trailers", "-H", "TE: trailers");
        assert.equal(trailed.stdout, "first second");
        assert.match(trailed.heads, /\r\n\r\n[\s\S]*x-sum: 42\r\n/i);
      });

      test("uploads, of a known length and without", async () => {
        const told = await curl(way, host, "/upload", "-T", join(directory, "content"));
        assert.deepEqual(JSON.parse(told.stdout), {
          ...{ bytes: CONTENT.length, sha256: SHA256, framing: `${CONTENT.length}`, trailers: {} },
        });
        const unknown = await curl(way, host, "/upload", "-T", "-");
        const { bytes, sha256: hash, framing } = JSON.parse(unknown.stdout);
        assert.deepEqual([bytes, hash], [CONTENT.length, SHA256]);
        assert.equal(framing, spoken === "HTTP/2" ? "none" : "chunked");
      });
    });

    // Over HTTP/2 this curl says nothing of 1xx, and takes an answer to half an upload for an error: nghttp does better.
    if (way.version === "2") continue;
    test(`curl by ${way.name}, to an upstream of ${spoken}, gets early hints, and asks before it uploads`, async () => {
      const hinted = await curl(way, host, "/hints");
      assert.match(hinted.heads, /^HTTP\/1\.1 103[\s\S]*link: <\/style\.css>; rel=preload\r\n[\s\S]*HTTP\/1\.1 200/i);
      assert.equal(hinted.stdout, "hinted");
      const asked = ["-H", "Expect: 100-continue", "--expect100-timeout", "30", "-T", join(directory, "content")];
      const taken = await curl(way, host, "/upload", ...asked);
      assert.match(taken.heads, /^HTTP\/1\.1 100/);
      assert.equal(JSON.parse(taken.stdout).sha256, SHA256);
      const refused = await curl(way, host, "/refused", ...asked);
      assert.equal(refused.http, 413, refused.stderr);
      assert.doesNotMatch(refused.heads, /^HTTP\/1\.1 100/m);
    });
  }
}

/** One that is answered for each that was asked, all of them well: what h2load says. */
async function h2load(host: string, tls: boolean, requests: number, ...flags: readonly string[]): Promise<void> {
  const port = tls ? worker.httpsPort : worker.httpPort;
  const path = `/load-${files++}`;
  const url = `${tls ? "https" : "http"}://${host}:${port}${path}`;
  const to = `--connect-to=127.0.0.1:${port}`;
  const { status, stdout, stderr } = await run("h2load", ["-n", `${requests}`, to, ...flags, url]);
  const all = `${requests} total, ${requests} started, ${requests} done, ${requests} succeeded, 0 failed, 0 errored, 0 timeout`;
  assert.equal(status, 0, stderr);
  assert.ok(stdout.includes(`requests: ${all}`), stdout);
  assert.ok(stdout.includes(`status codes: ${requests} 2xx, 0 3xx, 0 4xx, 0 5xx`), stdout);
  assert.equal(upstream.counts.get(path), requests, "the upstream has got each once");
}

if (IS_FULL) {
  for (const [spoken, host] of Object.entries(HOSTS)) {
    describe(`to an upstream of ${spoken}`, () => {
      for (const [name, tls, flags] of [
        ["HTTP/2 over TLS", true, []],
        ["h2c", false, ["-p", "h2c"]],
        ["HTTP/1.1 over TLS", true, ["--h1"]],
        ["HTTP/1.1", false, ["-p", "http/1.1"]],
      ] as const) {
        test(`h2load by ${name}: each request is answered once`, async () => {
          await h2load(host, tls, 20_000, "-c", "8", "-m", name.startsWith("HTTP/1.1") ? "1" : "100", ...flags);
          await h2load(host, tls, 2000, "-c", "200", "-m", "1", ...flags);
        });
      }

      test("h2load with uploads, and windows that are small", async () => {
        await h2load(host, true, 3000, "-c", "8", "-m", "20", "-d", join(directory, "content-small"));
        await h2load(host, false, 3000, "-c", "8", "-m", "20", "-w", "10", "-W", "12");
      });

      test("nghttp: many at once, padding, trailers, and being asked before an upload", async () => {
        const { httpPort: port } = worker;
        const nghttp = (path: string, ...flags: string[]) =>
          run("nghttp", ["-H", `:authority: ${host}`, ...flags, `http://127.0.0.1:${port}${path}`]);
        const many = await nghttp("/bytes", "-n", "-s", "-m", "30", "-w", "14", "-b", "100");
        assert.equal(many.stdout.match(/ 200 +\d+/g)?.length, 30, many.stdout + many.stderr);
        const file = join(directory, "content");
        const told = await nghttp(
          "/upload",
          "-d",
          file,
          "--no-content-length",
          "--trailer=x-sum: 42",
          "-b",
          "200",
          "-H",
          "expect: 100-continue",
        );
        const { sha256: hash, trailers } = JSON.parse(told.stdout);
        assert.deepEqual([hash, trailers], [SHA256, { "x-sum": "42" }]);
        const hinted = await nghttp("/hints", "-v");
        assert.match(hinted.stdout, /:status: 103[\s\S]*link: <\/style\.css>[\s\S]*:status: 200/);
        const refused = await nghttp("/refused", "-v", "-d", file, "-H", "expect: 100-continue");
        assert.match(refused.stdout, /:status: 413[\s\S]*too much/);
        assert.doesNotMatch(refused.stdout, /:status: 100/);
      });

      test("wrk, plain and over TLS: no answer is missing or bad", async () => {
        for (const url of [`http://127.0.0.1:${worker.httpPort}`, `https://127.0.0.1:${worker.httpsPort}`]) {
          const ran = await run("wrk", ["-t", "2", "-c", "64", "-d", "3s", "-H", `Host: ${host}`, `${url}/wrk`]);
          assert.match(ran.stdout, /\d+ requests in/);
          assert.doesNotMatch(ran.stdout, /Non-2xx|Socket errors/, ran.stdout);
        }
      });
    });
  }

  test("a page with WebSocket and events works in Chromium, over HTTP/2", async () => {
    await using page = await startBrowserPage();
    const backend = { kind: "tcp", host: "127.0.0.1", port: page.port, tls: false, basePath: "" } as const;
    const route = { id: "a", host: PAGE_HOST, path: "/", upstream: { backends: [backend], reach: "any" } } as const;
    await using own = await GatewayWorker.start([route]);
    const body = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, i) => i * 31));
    assert.deepEqual(await page.load(own.httpsPort), {
      errors: [],
      socket: { got: ["welcome", "hello back", 300_000], code: 4001, wasClean: true },
      // They go on where they broke off.
      events: [1, 2, 3, 4].map((id) => `tick/${id}`),
      upload: { bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") },
      ...{ missing: 404, page: "h2", fetched: "h2" },
    });
    assert.ok(page.streams.opened >= 2, "after the end of the first stream of events there was another");
  });

  describe("slowhttptest, while others are served", () => {
    const CONNECTIONS = 200;
    /** How its connections ended, and the answers of the gateway that it wrote into the log. */
    async function attack(seconds: number, ...flags: readonly string[]): Promise<string> {
      const url = `http://127.0.0.1:${worker.httpPort}`;
      const all = ["-c", `${CONNECTIONS}`, "-r", "200", "-l", `${seconds}`, "-p", "3", "-v", "1", ...flags];
      let isOver = false;
      const attacking = run("slowhttptest", [...all, "-u", `${url}/bytes`]).finally(() => {
        isOver = true;
      });
      let served = 0;
      while (!isOver) {
        const { status, http } = await curl(WAYS[0] as Way, HOSTS["HTTP/1.1"], "/", "--max-time", "5");
        assert.deepEqual([status, http], [0, 200], "who is not slow is served");
        served++;
      }
      assert.ok(served > 10, `${served} served meanwhile`);
      const { stdout } = await attacking;
      return stdout.replace(/\x1b\[[0-9;]*m/g, "");
    }

    test("slow heads and slow bodies end, and slow readers hold nobody up", async () => {
      const heads = await attack(20, "-H", "-i", "3");
      assert.match(heads, /No open connections left/, heads);
      const failures = worker.failures.length;
      const bodies = await attack(90, "-B", "-i", "70", "-s", "100000", "-t", "POST");
      assert.match(bodies, /No open connections left/, bodies);
      const readers = await attack(90, "-X", "-w", "10", "-y", "20", "-n", "70", "-z", "1", "-k", "3");
      assert.doesNotMatch(readers, /service available:\s+NO/, readers);
      assert.equal(worker.failures.length, failures, "none of it is told as a fault of an upstream");
    });
  });
}
