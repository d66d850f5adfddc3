/** Routes with all that they can ask for, from the cloud as text and back: `skerry get` and `skerry apply` lose nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { makeAuthority } from "@skerry/core/testing/certificates.ts";
import { startTestCluster } from "../src/testing/test-cluster.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

/** One of each kind, with all that it can have. */
function specsOf(root: string) {
  return {
    everything: {
      host: "all.example",
      path: "^/v\\d+/(a|b)$",
      match: {
        path: "regex",
        methods: ["GET", "POST"],
        headers: [
          { name: "x-api", type: "exact", value: "v2: #1" },
          { name: "x-mode", type: "regex", value: "^[a-z'\"]+$" },
        ],
        query: [{ name: "debug", type: "present" }],
        cookies: [{ name: "session", type: "absent" }],
      },
      to: "https://up.example:8443/base",
      protocol: "h2",
      clientTls: { mode: "request", ca: root },
      upstreamTls: { ca: root, serverName: "inner.example" },
    },
    exact: { host: "exact.example", path: "/a", match: { path: "exact" }, to: "h2c://up.example:8080" },
    below: { listen: "tcp://:20111", to: "tcp://db.example:5432", proxyProtocol: "v2" },
    named: { listen: "tls://db.example", to: "tcp://db.example:5432" },
  } as const;
}

test("what skerry get shows of a route is applied without a change; a change of one field keeps the others", async () => {
  await using parts = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "skerry-declare-"));
  parts.defer(() => rm(home, { recursive: true, force: true }));
  const cluster = parts.use(await startTestCluster());
  const { token } = await cluster.user("ops", "admin");
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, SKERRY_DATA: join(cluster.directory, "data") };
  const skerry = async (argv: readonly string[], stdin = ""): Promise<string> => {
    const child = spawn(SKERRY, argv, { env: { ...env, SKERRY_TOKEN: token } });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].on("data", (part: Buffer) => (said[name] += part));
    child.stdin.end(stdin);
    const [status] = await once(child, "close");
    assert.equal(status, 0, said.stderr);
    return said.stdout;
  };
  const revision = async () => (await cluster.admin.call(nodeRoutes.status)).revision;
  const specs = specsOf((await makeAuthority("Round trip")).certificate);
  const names = Object.keys(specs) as (keyof typeof specs)[];
  const made: Record<string, unknown> = {};
  for (const name of names) {
    const body = { name, labels: { round: "trip" }, spec: specs[name] };
    made[name] = (await cluster.admin.call(routeRoutes.create, { body: body as never })).spec;
  }
  const specOf = async (name: string) => (await cluster.admin.call(routeRoutes.get, { params: { name } })).spec;
  const texts = new Map<string, string>();
  const before = await revision();
  for (const name of names) {
    const text = await skerry(["get", "route", name, "--project", "admin", "-o", "yaml"]);
    texts.set(name, text);
    assert.equal(await skerry(["apply", "-f", "-"], text), `route/${name} unchanged\n`, text);
    assert.deepEqual(await specOf(name), made[name]);
  }
  assert.equal(await revision(), before);
  const changed: Record<string, readonly [from: string, to: string]> = {
    everything: ["https://up.example:8443/base", "https://other.example"],
    exact: ["h2c://up.example:8080", "h2c://other.example"],
    below: ["tcp://db.example:5432", "tcp://other.example:5432"],
  };
  for (const [name, [from, to]] of Object.entries(changed)) {
    const next = (texts.get(name) ?? "").replace(from, to).replace(/^ *revision: .*\n/m, "");
    assert.equal(await skerry(["apply", "-f", "-"], next), `route/${name} updated\n`);
    assert.deepEqual(await specOf(name), { ...(made[name] as object), to });
    const short = `kind: route\nname: ${name}\nproject: admin\nspec: { to: "${from}" }\n`;
    const identity =
      name === "below" ? `listen: "tcp://:20111", ` : `host: ${name === "exact" ? "exact" : "all"}.example, `;
    await skerry(["apply", "-f", "-"], short.replace("spec: { ", `spec: { ${identity}`));
    assert.deepEqual(await specOf(name), made[name], "fields that are not declared stay");
  }
});
