import assert from "node:assert/strict";
import { test } from "node:test";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { parseAllDocuments } from "yaml";
import { BUCKETS, can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

async function apply(
  text: string,
  argv: readonly string[] = [],
  rehearse?: FakeCloud["rehearse"],
  create: () => void = () => undefined,
) {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  cloud.answers.set("bucket.get", ({ params }) => {
    const found = BUCKETS.find(({ meta }) => meta.name === params["name"]);
    if (found === undefined) throw new SkerryError("not_found", "not there");
    return found;
  });
  cloud.answers.set("bucket.create", () => {
    create();
    return BUCKETS[0];
  });
  if (rehearse !== undefined) cloud.rehearse = rehearse;
  const result = await cli.run(["apply", "-f", "-", ...argv], { stdin: text });
  const changes = cloud.requests.filter(({ route, query }) => !query.has("dryRun") && !/\.(get|list)$/.test(route));
  return { ...result, changes: changes.map(({ route, params, body }) => ({ route, params, body })) };
}

test("creates what is not there, updates what differs, leaves what is so", async () => {
  const { status, stdout, stderr, changes } = await apply(`
kind: bucket
name: new
labels: {team: a}
spec:
  visibility: visible
---
kind: bucket
name: photos
spec: {visibility: private}
---
# only a comment
---
{"kind": "bucket", "name": "evil", "labels": {}}
`);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "bucket/new created\nbucket/photos unchanged\nbucket/evil updated\n");
  assert.deepEqual(changes, [
    {
      route: "bucket.create",
      params: {},
      body: { name: "new", labels: { team: "a" }, spec: { visibility: "visible" } },
    },
    { route: "bucket.update", params: { name: "evil" }, body: { spec: {}, labels: {} } },
  ]);
});

test("what get shows can be applied, and changes only that revision", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  cloud.answers.set("bucket.list", () => ({ items: BUCKETS.slice(0, 1), revision: 42 }));
  for (const format of ["yaml", "json"]) {
    const shown = await cli.run(["bucket", "ls", "-o", format]);
    const again = await cli.run(["apply", "-f", "-"], { stdin: shown.stdout });
    assert.equal(again.stdout, "bucket/photos unchanged\n", again.stderr);
    const edited = await cli.run(["apply", "-f", "-"], { stdin: shown.stdout.replace("private", "visible") });
    assert.match(edited.stdout, /bucket\/photos updated/, edited.stderr);
    const update = cloud.requests.findLast(({ route }) => route === "bucket.update");
    assert.equal((update as { body: { revision: number } }).body.revision, 7);
  }
});

test("--dry-run shows each field that would change, and changes nothing", async () => {
  const text = `
kind: bucket
name: new
labels: {team: a}
spec: {visibility: visible}
---
kind: bucket
name: photos
labels: {stage: prod, team: web}
spec: {visibility: public}
---
kind: bucket
name: evil
labels: {}
spec: {visibility: public}
`;
  const { status, stdout, stderr, changes } = await apply(text, ["--dry-run"]);
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout,
    `bucket/new would be created
  + labels.team: a
  + spec.visibility: visible
bucket/photos would be updated
  - labels.stage: test
  + labels.stage: prod
  - spec.visibility: private
  + spec.visibility: public
bucket/evil would be updated
  - labels.note: \\x1b[31mred\\x07\\u202etxt
`,
  );
  assert.deepEqual(changes, []);
  const json = await apply("kind: bucket\nname: photos\nspec: {visibility: public}", ["--dry-run", "-o", "json"]);
  assert.deepEqual(JSON.parse(json.stdout), {
    kind: "bucket",
    name: "photos",
    result: "updated",
    dryRun: true,
    changes: [{ field: "spec.visibility", before: "private", after: "public" }],
  });
  const same = await apply("kind: bucket\nname: photos\nspec: {visibility: private}", ["--dry-run"]);
  assert.equal(same.stdout, "bucket/photos unchanged\n");
});

test("--dry-run refuses what applying would refuse, and shows nothing of the rest", async () => {
  const good = "kind: bucket\nname: fresh\n---\n";
  const inMeta = (meta: string) => `kind: bucket\nmeta: {name: photos, ${meta}}\nspec: {visibility: public}`;
  const cases: [text: string, status: number, says: RegExp][] = [
    [inMeta("revision: 6"), 6, /photos has changed: it is at revision 7, and this was read at 6/],
    ["kind: bucket\nname: photos\nproject: web", 6, /belongs to another project/],
    ["kind: bucket\nname: other\nproject: nowhere", 5, /there is no project nowhere/],
    ["kind: project\nname: web\nspec: {description: x}", 9, /a project cannot be changed/],
    ["kind: bucket\nname: fresh", 2, /:4: bucket fresh is declared twice, first at standard input:1\./],
  ];
  for (const [text, exit, says] of cases) {
    const { status, stdout, stderr, changes } = await apply(good + text, ["--dry-run"]);
    assert.match(stderr, says, text);
    assert.equal(status, exit, `${text}: ${stderr}`);
    assert.equal(stdout, "");
    assert.deepEqual(changes, []);
  }
  const later = "kind: project\nname: nowhere\n---\nkind: bucket\nname: other\nproject: nowhere";
  assert.equal((await apply(later, ["--dry-run"])).status, 0, "an earlier document makes the project");
});

test("what is refused after all says how far it came, also when it was the last", async () => {
  const document = (name: string) => `kind: bucket\nname: ${name}\n`;
  const refused = async (...names: string[]) => {
    let told = 0;
    // What was asked about before is refused nonetheless: somebody was quicker.
    const { stderr } = await apply(names.map(document).join("---\n"), [], undefined, () => {
      if (++told === 2) throw new SkerryError("conflict/exists", "It is there already.");
    });
    return stderr;
  };
  assert.match(await refused("one", "two"), /already\. Applied before it: 1 of 2; nothing was left to try\./);
  assert.match(await refused("one", "two", "three"), /Applied before it: 1 of 3; not tried: bucket\/three\./);
});

test("a route is declared in any spelling, in the project that it is in", async () => {
  const route = "kind: route\nname: app-example-com\n";
  const same = await apply(`${route}spec: {host: App.Example.com., path: /, to: "container/web:80"}`, ["--dry-run"]);
  assert.equal(same.stdout, "route/app-example-com unchanged\n", same.stderr);
  const other = await apply(`${route}project: web\nspec: {host: app.example.com, to: "HTTP://192.0.2.1:80/"}`);
  assert.deepEqual([other.stdout, other.changes.length], ["route/app-example-com updated\n", 1]);
  const bad = await apply(`${route}spec: {host: app.example.com, to: web}`);
  assert.match(bad.stderr, /standard input:3: "web" is not a target/);
  assert.equal(bad.status, 2);
});

test("an upstream is declared in any spelling, and what is left out is as usual", async () => {
  const declared = (more: string) => `kind: upstream
name: web
spec:
  backends:
    - {name: a, to: "HTTP://10.0.0.7:3000/", weight: 1}
    - {name: b, to: "container/web:80", weight: 2, tags: [gpu, gpu], drain: true}
  balance: {method: hash, on: header, name: ${more}}
  sticky: {by: cookie, name: skerry-web, ttlSeconds: 3600}
`;
  const same = await apply(declared("X-User"), ["--dry-run"]);
  assert.equal(same.stdout, "upstream/web unchanged\n", same.stderr);
  const other = await apply(declared("X-Other"));
  assert.deepEqual([other.stdout, other.changes.length], ["upstream/web updated\n", 1]);
});

test("a field that is not known is named, with the one that was meant", async () => {
  const bucket = await apply("kind: bucket\nname: a\nspec: {visiblity: public}");
  assert.match(bucket.stderr, /:3: there is no field "spec.visiblity"\.\n {2}Did you mean visibility\?/);
  const container = "kind: container\nname: a\nspec:\n  image: b\n  publish:\n    - {prot: 80, hostPort: 1}";
  const port = await apply(container);
  assert.match(port.stderr, /:6: there is no field "spec.publish.0.prot"\.\n {2}Did you mean port\?/);
  assert.deepEqual([bucket.status, port.status, port.changes.length], [2, 2, 0]);
});

test("--dry-run asks for each change whether one may make it", async () => {
  const asked: unknown[] = [];
  const text =
    "kind: bucket\nname: fresh\n---\nkind: bucket\nname: photos\nspec: {visibility: public}\n---\nkind: bucket\nname: evil";
  const { status, stdout, stderr, changes } = await apply(text, ["--dry-run"], ({ route, params, body }) => {
    asked.push({ route, params, body });
    if (route === "bucket.update") throw new SkerryError("forbidden", "You may not change photos.");
  });
  assert.deepEqual([status, stdout, changes], [4, "", []], stderr);
  assert.match(stderr, /You may not change photos/);
  assert.deepEqual(asked, [
    { route: "bucket.create", params: {}, body: { name: "fresh", spec: {} } },
    { route: "bucket.update", params: { name: "photos" }, body: { spec: { visibility: "public" } } },
  ]);
});

test("nothing is sent when one document is wrong, and the line is named", async () => {
  const good = "kind: bucket\nname: first\n---\n";
  const cases: [text: string, says: RegExp][] = [
    ["kind: bucket\nnmae: x", /standard input:5: there is no field "nmae"\.\n {2}Did you mean name\?/],
    ["kind: buckt\nname: x", /:4: "buckt" cannot be declared.*\n {2}Did you mean bucket\?/],
    ["name: x", /it has no kind/],
    ["kind: bucket", /:4: the bucket has no name/],
    ["kind: bucket\nname: Not_A_Name", /:5: a name is/],
    ["kind: bucket\nname: x\nspec:\n  visibility: none", /:7: spec\.visibility/],
    ["kind: bucket\nname: x\nspec:\n  visiblity: private", /:7: .*visiblity/],
    ["kind: bucket\nname: x\nlabels:\n  a: [1]", /:7: labels\.a/],
    ["kind: user\nname: x\nspec: {passwordHash: y}", /passwordHash/],
    ["kind: user\nname: x\npassword: hunter2", /no field "password"/],
    ["just text", /a declaration is a map/],
    ["kind: bucket\nname: x\nname: y", /:6: .*unique/i],
    ["kind: [unclosed", /:\d+: /],
    ["a: &x [1]\nb: *x", /:5: aliases/],
    ["a: !!js/function x", /:4: /],
  ];
  for (const [text, says] of cases) {
    const { status, stderr, changes } = await apply(good + text);
    assert.equal(status, 2, `${text}: ${stderr}`);
    assert.match(stderr, says, text);
    assert.deepEqual(changes, []);
  }
});

test("bombs are refused before they go off", async () => {
  const laughs = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdefghi".split("").map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(",")}]`),
  ].join("\n");
  const bombs: [name: string, text: string, says: RegExp][] = [
    ["billion laughs", laughs, /:\d+: aliases/],
    ["10 MB", `kind: bucket\nname: x\nnote: ${"x".repeat(10_000_000)}`, /more than 1048576 bytes/],
    ["deep flow", `a: ${"[".repeat(100_000)}`, /deeper than|:1: /],
    ["deep closed flow", `a: ${"[".repeat(5000)}${"]".repeat(5000)}`, /:1: it is nested deeper than 32 levels/],
    ["deep JSON", `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`, /nested deeper than 32 levels/],
    ["deep blocks", "- ".repeat(5000), /nested deeper than 32 levels/],
    [
      "wide",
      `kind: bucket\nname: x\nlabels:\n${Array.from({ length: 5000 }, (_, i) => `  k${i}: v`).join("\n")}`,
      /:3|:4/,
    ],
    ["NUL", "kind: \0", /:1: |kind/],
    ["not UTF-8", "\ud800", /UTF-8|declaration|kind/],
  ];
  for (const [name, text, says] of bombs) {
    const { status, stderr, changes } = await apply(text);
    assert.equal(status, 2, `${name}: ${stderr.slice(0, 300)}`);
    assert.match(stderr.slice(0, 2000), says, name);
    assert.deepEqual(changes, []);
  }
});

test("what several documents come to is one stream in each form, and --quiet says only what is wrong", async () => {
  const text = "kind: bucket\nname: new\n---\nkind: volume\nname: data\n";
  for (const flags of [[], ["--dry-run"]]) {
    const yaml = await apply(text, ["-o", "yaml", ...flags]);
    const documents = parseAllDocuments(yaml.stdout).map((one) => one.toJS() as { name: string });
    assert.deepEqual(
      documents.map(({ name }) => name),
      ["data", "new"],
      yaml.stderr,
    );
    assert.equal((await apply(text, ["-o", "name", ...flags])).stdout, "data\nnew\n");
  }
  const quiet = await apply(text, ["--quiet"]);
  assert.deepEqual([quiet.status, quiet.stdout, quiet.stderr], [0, "", ""]);
});

test("a certificate is compared without what stands around it; its key goes along with it, and is never shown", async () => {
  const declared = (name: string, middle: string) => `
kind: certificate
name: ${name}
spec:
  certificate: |
    subject=CN = app
    -----BEGIN CERTIFICATE-----
    ${middle}
    -----END CERTIFICATE-----
  key: the-planted-secret
`;
  const is = await apply(declared("app", "    ").replace(/\n +\n/g, "\n"));
  assert.equal(is.stdout, "certificate/app unchanged\n", is.stderr);
  const dry = await apply(`${declared("app", "AAAA")}---${declared("new", "BBBB")}`, ["--dry-run"]);
  assert.match(dry.stdout, /certificate\/app.*update[\s\S]*certificate\/new.*create/, dry.stderr);
  assert.ok(!`${dry.stdout}${dry.stderr}`.includes("planted"));
  const { changes, stderr } = await apply(declared("app", "AAAA"));
  const [change] = changes as { route: string; body: { spec: Record<string, string> } }[];
  assert.equal(change?.route, "certificate.update", stderr);
  assert.equal(change?.body.spec["key"], "the-planted-secret");
});
