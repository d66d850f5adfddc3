/** What commands say besides their result, on standard error, when it helps a person. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { BUCKETS, can, meta } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

let cloud: FakeCloud;
let cli: Cli;
beforeEach(async () => {
  cloud = await FakeCloud.start();
  cli = await Cli.create(cloud.socketPath);
});
afterEach(async () => {
  await cli[Symbol.asyncDispose]();
  await cloud[Symbol.asyncDispose]();
});

test("cp -r that cannot go on says how far it came before it says why", async () => {
  for (let i = 0; i < 20; i++) cloud.put(`docs:f${i}`, "n");
  let downloads = 0;
  cloud.cutAt = () => {
    downloads++;
    if (downloads === 5) {
      cloud.answers.set("object.get", () => {
        throw new SkerryError("unauthenticated/revoked", "The token was revoked.");
      });
    }
    return false;
  };
  const { status, stdout, stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
  assert.deepEqual([status, stdout], [4, ""]);
  const copied = Number(/^ended early: (\d+)(?: of 20)? files? copied\n/.exec(stderr)?.[1]);
  assert.ok(copied > 0 && copied < 20, stderr);
  // One whose end was not waited for may be there besides.
  assert.ok((await readdir(cli.path("down"))).length >= copied);
  assert.match(stderr, /The token was revoked/);
});

test("a route says when a private bucket is seen by everybody, and when nothing answers yet", async () => {
  const [bucket] = BUCKETS;
  const route = (to: string, status: object) => ({
    kind: "route",
    meta: meta("site"),
    spec: { host: "site.example", path: "/", to },
    status: { url: "https://site.example:8443/", ...status },
  });
  for (const verb of ["create site.example", "update site"]) {
    const action = `route.${verb.split(" ")[0]}`;
    cloud.answers.set("bucket.get", () => ({ ...bucket, spec: { visibility: "private" } }));
    cloud.answers.set(action, () => route("bucket/photos", { state: "ready" }));
    const argv = ["route", ...verb.split(" "), "--to", "bucket/photos"];
    const hidden = await cli.run(argv);
    assert.equal(hidden.status, 0, hidden.stderr);
    assert.match(hidden.stderr, /^The bucket photos is private; through this route everybody can read all of it/m);
    cloud.answers.set("bucket.get", () => ({ ...bucket, spec: { visibility: "public" } }));
    assert.doesNotMatch((await cli.run(argv)).stderr, /everybody/);
    const reason = "there is no container web";
    cloud.answers.set(action, () => route("container/web:80", { state: "down", reason }));
    assert.match((await cli.run(argv)).stderr, /^It does not answer yet: there is no container web\./m);
  }
});

test("user passwd says the rule for passwords before it asks, and not to a script", async () => {
  const user = { userUid: "u1", userName: "alice", role: "member", projectUid: "p1" };
  cloud.answers.set("whoami", () => user);
  cloud.answers.set("user.password", () => undefined);
  const words = ["present password", "a new password", "a new password"];
  const asked = await cli.run(["user", "passwd"], { tty: { columns: 80 }, stdin: `${words.join("\r")}\r` });
  assert.equal(asked.status, 0, asked.stderr);
  const rule = `A password has at least ${LIMITS.auth.minPasswordLength} characters and is not the name of the user.`;
  const [before, after] = asked.stderr.split(rule);
  assert.match(before ?? "", /Present password/);
  assert.match(after ?? "", /New password: [\s\S]*Again: /);
  assert.equal(asked.stderr.split(rule).length, 2);
  assert.ok(!asked.stderr.includes("a new password\n"), "what is typed is not shown");
  const { body } = cloud.requests.at(-1) ?? {};
  assert.deepEqual(body, { password: "a new password", current: "present password" });

  const scripted = await cli.run(["user", "passwd", "bob", "--password-file", "-"], { stdin: "a new password\n" });
  assert.equal(scripted.status, 0, scripted.stderr);
  assert.ok(!scripted.stderr.includes(rule));
});

test("a flag that says nothing to a command is refused before anything is asked; -o name gives a name everywhere", async () => {
  can(cloud);
  const foreign = [
    ["bucket", "update", "photos", "--visibility", "public"],
    ["get", "users"],
    ["user", "ls"],
    ["ls", "photos:"],
    ["rm", "photos:x"],
    ["status"],
    ["token", "create", "x"],
    ["get", "user", "alice"],
  ];
  for (const argv of foreign) {
    const { status, stdout, stderr } = await cli.run([...argv, "--project", "web"]);
    assert.deepEqual([status, stdout], [2, ""], `${argv.join(" ")}: ${stderr}`);
    assert.match(stderr, /--project says nothing/);
  }
  assert.equal(cloud.requests.length, 0);
  for (const argv of [
    ["bucket", "ls"],
    ["get", "buckets"],
    ["ls"],
    ["ps"],
    ["container", "get", "web"],
    ["image", "ls"],
  ]) {
    const { status, stderr } = await cli.run([...argv, "--project", "web"]);
    assert.equal(status, 0, `${argv.join(" ")}: ${stderr}`);
    assert.equal(cloud.requests.at(-1)?.query.get("project"), "web", argv.join(" "));
  }
  // A bucket is found by its name alone: it must be in that project all the same.
  for (const argv of [
    ["bucket", "rm", "photos"],
    ["bucket", "get", "photos"],
    ["get", "bucket", "photos"],
  ]) {
    const elsewhere = await cli.run([...argv, "--project", "web"]);
    assert.deepEqual([elsewhere.status, elsewhere.stdout], [5, ""], elsewhere.stderr);
    assert.equal(cloud.requests.at(-1)?.route, "bucket.get");
    assert.equal((await cli.run([...argv, "--project", "alice"])).status, 0);
  }
  const names = [
    [["status"], "rock"],
    [["whoami"], "alice"],
    [["storage", "status"], "s1\ns3"],
  ] as const;
  for (const [argv, name] of names) assert.equal((await cli.run([...argv, "-o", "name"])).stdout, `${name}\n`);
});

test("each command that asks for the project says that it takes one", () => {
  const files = globSync(join(import.meta.dirname, "**/*.ts")).filter((path) => !path.endsWith(".test.ts"));
  // These are the parts of several commands.
  const shared = ["run-in.ts", "descriptor.ts", "one-backend.ts", "planned.ts"];
  const asking = files.filter((path) => /\binvocation\.project\(\)/.test(readFileSync(path, "utf8")));
  assert.ok(asking.length > 15);
  const silent = asking.filter(
    (path) => !shared.includes(basename(path)) && !readFileSync(path, "utf8").includes("takesProject"),
  );
  assert.deepEqual(silent, [], "--project would be refused there");
});

test("a host where a route's name is wanted is told from it, before the cloud is asked", async () => {
  for (const host of ["web.localhost", "*.wild.localhost", "app.example.com/api"]) {
    for (const argv of [
      ["route", "rm", "fine", host],
      ["route", "get", host],
      ["get", "route", host],
      ["route", "update", host, "--to", "bucket/x"],
    ]) {
      const { status, stderr } = await cli.run(argv);
      assert.equal(status, 2, argv.join(" "));
      assert.match(stderr, /is a host, and no name of a route.*skerry route ls shows them/s, argv.join(" "));
    }
  }
  assert.equal(cloud.requests.length, 0);
});

test("who has no cloud here is told how to get to another's", async () => {
  await using alone = await Cli.create();
  const { status, stderr } = await alone.run(["status"]);
  assert.equal(status, 8, stderr);
  assert.match(stderr, /cannot be reached: its socket does not exist.*skerry login --url URL/s);
});

test("flags that say nothing to a copy or to a unit are refused", async () => {
  const idle = [
    ["cp", "--follow", "notes.txt", "docs:"],
    ["cp", "-r", "--follow", "docs:", "here"],
    ["cp", "-r", "--type", "text/html", "folder", "docs:"],
    ["cp", "--type", "text/html", "docs:a", "b"],
    ["cp", "--raw", "docs:a", "b"],
    ["service", "install", "--user", "--run-as", "daemon", "--dry-run"],
    ["service", "install", "--user", "--engine", "--dry-run"],
  ];
  for (const argv of idle) {
    const { status, stdout, stderr } = await cli.run(argv);
    assert.deepEqual([status, stdout], [2, ""], `${argv.join(" ")}: ${stderr}`);
    assert.match(stderr, /Leave (it|one of the two) out/);
  }
  assert.equal(cloud.requests.length, 0);
});

test("a file that is not there is told of before the cloud is asked, and not by a crash", async () => {
  const { status, stdout, stderr } = await cli.run(["image", "load", cli.path("nowhere.tar")]);
  assert.deepEqual([status, stdout], [5, ""], stderr);
  assert.match(stderr, /nowhere\.tar: there is no such file or folder/);
  assert.equal(cloud.requests.length, 0);
});

test("what goes wrong is told in the form that was asked of skerry, not of the command that is passed on", async () => {
  const refuse = () => {
    throw new SkerryError("not_found", "There is no container nobody.");
  };
  cloud.answers.set("container.list", refuse);
  cloud.terminal = (terminal) => terminal.terminate();
  const asked = await cli.run(["ps", "-o", "json"]);
  assert.equal((JSON.parse(asked.stderr) as { code: string }).code, "not_found");
  for (const argv of [
    ["exec", "nobody", "--", "kubectl", "-o", "json"],
    ["exec", "nobody", "--", "x", "--output=json"],
    ["exec", "nobody", "kubectl", "-o", "json"],
  ]) {
    const { stderr } = await cli.run(argv);
    assert.match(stderr, /^error: /, argv.join(" "));
  }
});
