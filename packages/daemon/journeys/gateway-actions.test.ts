/** Actions of routes through real workers: what curl gets compressed, and what several workers keep and forget. */
import { deepEqual, equal, match } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { startTestCluster } from "../src/testing/test-cluster.ts";

interface Got {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** Each on a connection of its own: the kernel chooses a worker. */
async function ask(base: string, host: string, path: string, headers: object = {}, method = "GET"): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const sent = request(`${base}${path}`, { method, agent: false, headers: { host, ...headers } }, (response) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("error", reject);
    response.on("end", () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
    });
  });
  sent.on("error", reject).end();
  return promise;
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

test("text is compressed and comes out as it was, a picture is not; all workers keep, evict and forget", async () => {
  const text = Buffer.from("Skerry is a small rock that stays above water.\n".repeat(20_000));
  const picture = randomBytes(100_000);
  let asked = 0;
  const upstream = createServer(({ url = "" }, response) => {
    asked++;
    if (url.startsWith("/kept")) response.setHeader("cache-control", "max-age=60");
    response.setHeader("content-type", url === "/picture" ? "image/jpeg" : "text/plain");
    response.end(url === "/picture" ? picture : text);
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  try {
    await using cluster = await startTestCluster({
      argv: ["--gateway-workers", "2", "--listen-http", "127.0.0.1:0", "--listen-https", "127.0.0.1:0"],
    });
    const base = cluster.node.gateway.httpUrl ?? "";
    const host = "app.example.com";
    const to = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const { meta } = await cluster.admin.call(routeRoutes.create, {
      body: { spec: { host, to, compress: {}, cache: {} } },
    });
    for (const [encoding, decode] of [
      ["gzip", gunzipSync],
      ["br", brotliDecompressSync],
      ["zstd", zstdDecompressSync],
    ] as const) {
      const { headers, body } = await ask(base, host, "/text", { "accept-encoding": encoding, cookie: "a=b" });
      deepEqual([headers["content-encoding"], headers["vary"]], [encoding, "Accept-Encoding"]);
      equal(sha256(decode(body)), sha256(text));
    }
    const got = await ask(base, host, "/picture", { "accept-encoding": "gzip, br, zstd", cookie: "a=b" });
    deepEqual([got.headers["content-encoding"], sha256(got.body)], [undefined, sha256(picture)]);

    // Each on a connection of its own: they reach both workers.
    const many = async () => {
      const all: string[] = [];
      for (let n = 0; n < 20; n++) all.push(String((await ask(base, host, "/kept")).headers["cache-status"]));
      return all;
    };
    const askedOnce = async () => {
      const before = asked;
      const [first = "", ...others] = await many();
      match(first, /fwd=uri-miss/);
      for (const one of others) match(one, /^skerry; hit/);
      equal(asked, before + 1);
    };
    await askedOnce();
    await cluster.admin.call(routeRoutes.purge, { params: { name: meta.name }, body: { path: "/kept" } });
    await askedOnce();
    equal((await ask(base, host, "/kept", {}, "DELETE")).status, 200);
    await askedOnce();
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
});
