/** `skerry apply` and `skerry get -o yaml` against a whole cloud, with every kind that can be declared. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import { startTestCluster, type TestCluster } from "../src/testing/test-cluster.ts";

const SKERRY = fileURLToPath(new URL("../../cli/bin/skerry", import.meta.url));

interface Told {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A cloud, and the CLI as its admin. */
async function start() {
  const parts = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "skerry-declare-"));
  parts.defer(() => rm(home, { recursive: true, force: true }));
  const cluster = parts.use(await startTestCluster());
  cluster.engine.tags.set("box:latest", `sha256:${"1".repeat(64)}`);
  cluster.engine.tags.set("box:2", `sha256:${"2".repeat(64)}`);
  const { token } = await cluster.user("ops", "admin");
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    SKERRY_DATA: join(cluster.directory, "data"),
    SKERRY_TOKEN: token,
  };
  const skerry = async (argv: readonly string[], stdin = ""): Promise<Told> => {
    const child = spawn(SKERRY, argv, { env });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].on("data", (part: Buffer) => (said[name] += part));
    child.stdin.end(stdin);
    const [status] = (await once(child, "close")) as [number | null];
    return { status, ...said };
  };
  return {
    cluster,
    skerry,
    apply: (text: string, ...flags: string[]) => skerry(["apply", "-f", "-", ...flags], text),
    revision: async () => (await cluster.admin.call(nodeRoutes.status)).revision,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Its status says the last word of the controller, so that nothing moves the store any more. */
async function settled(cluster: TestCluster, name: string, state: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const { status } = await cluster.admin.call(containerRoutes.get, { params: { name }, query: { project: "team" } });
    if (status?.state === state) return;
    await sleep(20);
  }
  throw new Error(`container ${name} did not come to be ${state}`);
}

/** Against the order in which they need one another. */
const ALL = `
kind: route
name: www
project: team
spec: { host: www.example, to: "bucket/pages" }
---
kind: container
name: web
project: team
labels: { tier: front }
spec:
  image: box
  command: [httpd, -f]
  env: { MODE: live, EMPTY: "" }
  volumes: [{ name: data, path: /data }, { name: logs, path: /logs }]
  publish: [{ port: 80 }]
  network: back
  running: false
---
kind: container
name: alone
project: team
spec: { image: box, network: default, running: false }
---
kind: network
name: back
project: team
labels: { keep: "yes" }
---
kind: bucket
name: pages
project: team
spec: { visibility: public }
---
kind: volume
name: data
project: team
labels: { keep: "yes" }
---
kind: volume
name: logs
project: team
---
kind: binding
name: amy
project: team
spec: { role: viewer }
---
kind: project
name: team
spec: { description: "All of it: 100%" }
---
kind: user
name: amy
spec: { role: viewer }
`;
const ORDER = [
  "user/amy",
  "project/team",
  "binding/amy",
  "volume/data",
  "volume/logs",
  "network/back",
  "bucket/pages",
  "container/web",
  "container/alone",
  "route/www",
];

test("every kind is made in the order in which one needs another, and again nothing changes", async () => {
  await using cloud = await start();
  const before = await cloud.revision();
  const dry = await cloud.apply(ALL, "--dry-run");
  assert.equal(dry.status, 0, dry.stderr);
  const heads = (text: string) => text.split("\n").filter((line) => /^[a-z]/.test(line));
  assert.deepEqual(
    heads(dry.stdout),
    ORDER.map((name) => `${name} would be created`),
  );
  assert.match(dry.stderr, /could not be asked about route\/www: it needs project\/team/);
  assert.equal(await cloud.revision(), before);
  const first = await cloud.apply(ALL);
  assert.equal(first.status, 0, first.stderr);
  const said = ORDER.map((name) => `${name} created`);
  assert.deepEqual(
    heads(first.stdout).map((line) => line.replace(/, password.*/, "")),
    said,
  );
  for (const name of ["web", "alone"]) await settled(cloud.cluster, name, "stopped");
  const after = await cloud.revision();
  const again = await cloud.apply(ALL);
  assert.deepEqual([again.status, heads(again.stdout)], [0, ORDER.map((name) => `${name} unchanged`)], again.stderr);
  assert.equal(await cloud.revision(), after);
});

test("what get shows of every kind can be applied and changes nothing", async () => {
  await using cloud = await start();
  assert.equal((await cloud.apply(ALL)).status, 0);
  for (const name of ["web", "alone"]) await settled(cloud.cluster, name, "stopped");
  const before = await cloud.revision();
  const show = async (format: string, ...what: string[]) => {
    const ofCloud = ["user", "project"].includes(what[0] ?? "");
    const shown = await cloud.skerry(["get", ...what, "-o", format, ...(ofCloud ? [] : ["--project", "team"])]);
    assert.equal(shown.status, 0, shown.stderr);
    return shown.stdout;
  };
  const unchanged = ORDER.map((one) => `${one} unchanged\n`).join("");
  for (const format of ["yaml", "json"]) {
    const texts = await Promise.all(ORDER.map((one) => show(format, ...one.split("/"))));
    for (const flags of [["--dry-run"], []]) {
      const told = await cloud.apply(texts.join("---\n"), ...flags);
      assert.deepEqual([told.status, told.stdout], [0, unchanged], told.stderr);
    }
  }
  const kinds = [...new Set(ORDER.map((one) => one.split("/")[0] ?? ""))];
  const lists = await Promise.all(kinds.map((kind) => show("yaml", kind)));
  const told = await cloud.apply(lists.join(""), "--dry-run");
  assert.equal(told.status, 0, told.stderr);
  for (const one of ORDER) assert.ok(told.stdout.includes(`${one} unchanged\n`), told.stdout);
  assert.doesNotMatch(told.stdout, /would be/);
  assert.equal(await cloud.revision(), before);
});

test("a container is changed while it is there where that is possible, and else made anew", async () => {
  await using cloud = await start();
  assert.equal((await cloud.apply(ALL)).status, 0);
  await settled(cloud.cluster, "web", "stopped");
  const container = async () => {
    const shown = await cloud.skerry(["get", "container", "web", "-o", "json", "--project", "team"]);
    return JSON.parse(shown.stdout) as {
      meta: { uid: string; generation: number; labels: object };
      spec: Record<string, unknown>;
    };
  };
  const before = await container();
  const started = await cloud.apply(
    "kind: container\nname: web\nproject: team\nspec: { image: 'box:latest', running: true }",
  );
  assert.equal(started.stdout, "container/web updated\n", started.stderr);
  assert.equal((await container()).meta.uid, before.meta.uid);
  // To wait for it is no change, whether it runs yet or not.
  for (const expected of ["running", "running"]) {
    const waited = await cloud.skerry(["start", "web", "--project", "team"]);
    assert.deepEqual([waited.status, waited.stdout], [0, `container/web ${expected}\n`], waited.stderr);
  }
  assert.equal((await container()).meta.generation, before.meta.generation + 1);
  const other = "kind: container\nname: web\nproject: team\nspec: { image: 'box:2', env: { MODE: test } }";
  const dry = await cloud.apply(other, "--dry-run");
  assert.equal(
    dry.stdout,
    'container/web would be replaced\n  - spec.env.EMPTY: ""\n  - spec.env.MODE: live\n  + spec.env.MODE: test\n' +
      "  - spec.image: box\n  + spec.image: box:2\n",
    dry.stderr,
  );
  assert.equal((await container()).meta.uid, before.meta.uid);
  // One that could not be made leaves what is there.
  const missing = await cloud.apply(other.replace("box:2", "none:1"));
  assert.deepEqual([missing.status, missing.stdout], [5, ""], missing.stderr);
  assert.match(missing.stderr, /There is no image none:1 here/);
  assert.equal((await container()).meta.uid, before.meta.uid);
  const replaced = await cloud.apply(other);
  assert.equal(replaced.stdout, "container/web replaced\n", replaced.stderr);
  const after = await container();
  assert.notEqual(after.meta.uid, before.meta.uid);
  assert.deepEqual(after.meta.labels, { tier: "front" });
  assert.deepEqual(
    [after.spec["image"], after.spec["env"], after.spec["volumes"], after.spec["command"], after.spec["running"]],
    ["box:2", { MODE: "test" }, before.spec["volumes"], ["httpd", "-f"], true],
  );
  const again = await cloud.apply(other);
  assert.equal(again.stdout, "container/web unchanged\n", again.stderr);
});

test("a role in a project is given, changed and shown; what it cannot have is refused with its line", async () => {
  await using cloud = await start();
  assert.equal((await cloud.apply(ALL)).status, 0);
  const binding = (more: string) => `kind: binding\nname: amy\nproject: team\n${more}`;
  const changed = await cloud.apply(binding("spec: { role: member }"));
  assert.equal(changed.stdout, "binding/amy updated\n", changed.stderr);
  const { items } = await cloud.cluster.admin.call(bindingRoutes.list, { query: { project: "team" } });
  assert.deepEqual(
    items.map(({ meta, spec }) => [meta.name, spec.role]),
    [["amy", "member"]],
  );
  const refused: readonly (readonly [text: string, status: number, says: RegExp])[] = [
    [binding("spec: { role: admin }"), 2, /:4: spec\.role: /],
    [binding("spec: { role: member, rol: x }"), 2, /rol/],
    [binding("spec: { role: member, user: bob }"), 2, /spec\.user/],
    [binding("labels: { a: b }\nspec: { role: member }"), 2, /labels/],
    ["kind: binding\nname: amy\nspec: { role: member }", 2, /project/],
    [binding("spec: { role: member }").replace("amy", "nobody"), 5, /There is no user nobody/],
    ["kind: binding\nname: amy\nproject: amy\nspec: { role: member }", 6, /follows the user's role/],
  ];
  const before = await cloud.revision();
  for (const [text, status, says] of refused) {
    const told = await cloud.apply(text);
    assert.deepEqual([told.status, told.stdout], [status, ""], `${text}: ${told.stderr}`);
    assert.match(told.stderr, says);
  }
  assert.equal(await cloud.revision(), before);
});

test("what is refused is told before anything is changed; what fails later, with how far it came", async () => {
  await using cloud = await start();
  const before = await cloud.revision();
  const bad = `${ALL}---\nkind: container\nname: lost\nspec: { image: none }\n`;
  const refused = await cloud.apply(bad);
  assert.deepEqual([refused.status, refused.stdout], [5, ""], refused.stderr);
  assert.match(refused.stderr, /There is no image none:latest here/);
  assert.equal(await cloud.revision(), before);
  // Nobody could ask about it before its project was there.
  const late = await cloud.apply(ALL.replace("image: box", "image: none"), "-o", "json");
  assert.equal(late.status, 5);
  const problem = JSON.parse(late.stderr) as { detail: string; details: { applied: string[]; notTried: string[] } };
  assert.match(
    problem.detail,
    /^standard input:7: container\/web: There is no image none:latest.* Applied before it: 7 of 10; not tried: container\/alone, route\/www\.$/,
  );
  assert.deepEqual(problem.details, { applied: ORDER.slice(0, 7), notTried: ORDER.slice(8) });
  await cloud.cluster.admin.call(volumeRoutes.get, { params: { name: "data" }, query: { project: "team" } });
  const mended = await cloud.apply(ALL);
  assert.equal(mended.status, 0, mended.stderr);
  assert.match(
    mended.stdout,
    /bucket\/pages unchanged\ncontainer\/web created\ncontainer\/alone created\nroute\/www created\n$/,
  );
});
