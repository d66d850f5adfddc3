import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { test } from "node:test";
import { can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";
import { assertUrl } from "./connect.ts";
import { contextsPath, nameForLogin, readContexts, withContext, writeContexts } from "./contexts.ts";

const LOCAL = { name: "local", socketPath: "/run/a.sock", user: "admin", token: "sky_a" };

test("the file is 0600 in a directory of 0700, whatever the umask, and replaced as a whole", async () => {
  await using cli = await Cli.create();
  const before = process.umask(0);
  try {
    await writeContexts(cli.env, { current: "local", contexts: [LOCAL] });
    await writeContexts(cli.env, { current: "local", contexts: [LOCAL, { name: "b", url: "https://b.example" }] });
  } finally {
    process.umask(before);
  }
  assert.equal((await stat(contextsPath(cli.env))).mode & 0o777, 0o600);
  assert.equal((await stat(cli.path("config"))).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(cli.path("config")), ["contexts.json"]);
  assert.equal((await readContexts(cli.env)).contexts.length, 2);
});

test("without a file there are no contexts; one that is not ours is refused and not touched", async () => {
  await using cli = await Cli.create();
  assert.deepEqual(await readContexts(cli.env), { contexts: [] });
  await mkdir(cli.path("config"));
  const bad: [text: string, status: number][] = [
    ["{", 2],
    ["[]", 2],
    ['{"version":1,"contexts":[{"name":"x"}]}', 2],
    ['{"version":1,"contexts":[{"name":"x","url":"http://a","socketPath":"b"}]}', 2],
    ['{"version":1,"contexts":[{"name":"x","url":"http://a","surprise":"b"}]}', 2],
    ['{"version":9,"contexts":[]}', 9],
    ["x".repeat(100_000), 2],
  ];
  for (const [text, status] of bad) {
    await writeFile(contextsPath(cli.env), text);
    const result = await cli.run(["context", "ls"]);
    assert.equal(result.status, status, text.slice(0, 60));
    assert.match(result.stderr, /contexts\.json/);
    assert.equal(await readFile(contextsPath(cli.env), "utf8"), text);
  }
});

test("names that are free, and contexts in order", () => {
  const contexts = { contexts: [LOCAL] };
  const at = (socketPath: string, user: string) => nameForLogin(contexts, "local", { socketPath, user });
  assert.equal(at("/run/a.sock", "admin"), "local");
  assert.equal(at("/run/b.sock", "admin"), "local-2");
  assert.equal(at("/run/a.sock", "amy"), "local-amy");
  const taken = withContext(contexts, { name: "local-amy", url: "https://elsewhere" });
  assert.equal(nameForLogin(taken, "local", { socketPath: "/run/a.sock", user: "amy" }), "local-amy-2");
  const renamed = withContext(contexts, { name: "mine", socketPath: "/run/a.sock", user: "amy" });
  assert.equal(nameForLogin(renamed, "local", { socketPath: "/run/a.sock", user: "amy" }), "mine");
  const more = withContext(withContext(contexts, { name: "a", url: "https://a" }), { ...LOCAL, token: "sky_b" });
  assert.deepEqual(
    more.contexts.map(({ name, token }) => [name, token]),
    [
      ["a", undefined],
      ["local", "sky_b"],
    ],
  );
});

test("login makes a context, its token is never shown; logout ends the session and forgets it", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create();
  can(cloud);
  const socket = relative(process.cwd(), cloud.socketPath);
  const login = ["login", "--socket", socket, "--user", "alice", "--password-file", "-"];
  const first = await cli.run(login, { stdin: "correct horse\n" });
  assert.equal(first.status, 0, first.stderr);
  assert.deepEqual(cloud.requests.at(-1)?.body, { name: "alice", password: "correct horse" });
  assert.equal(cloud.requests.at(-1)?.headers["authorization"], undefined);
  const { contexts, current } = await readContexts(cli.env);
  assert.deepEqual([current, contexts[0]?.token], ["local", "sky_session"]);
  assert.equal(contexts[0]?.socketPath, cloud.socketPath, "the same from every directory");
  const listed = await cli.run(["context", "ls", "-o", "json"]);
  assert.ok(!`${first.stdout}${first.stderr}${listed.stdout}`.includes("sky_session"));
  assert.equal((await cli.run(["logout"])).status, 0);
  assert.equal(cloud.requests.at(-1)?.params["uid"], "current");
  assert.equal((await readContexts(cli.env)).contexts[0]?.token, undefined);
});

test("what is written while somebody sits before the prompt is not lost, and a name cannot steer the terminal", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create();
  can(cloud);
  const elsewhere = { name: "office", url: "https://office.example", user: "amy", token: "sky_office" };
  cloud.answers.set("session.create", () => {
    // Before the answer: another terminal has logged in elsewhere.
    mkdirSync(cli.path("config"));
    writeFileSync(contextsPath(cli.env), JSON.stringify({ version: 1, current: "office", contexts: [elsewhere] }));
    return { token: "sky_session", expiresAt: "2026-08-03T12:00:00.000Z", userName: "amy\x1b]0;owned\x07" };
  });
  const login = ["login", "--socket", cloud.socketPath, "--user", "a\x1b[2Jb"];
  const { status, stdout, stderr } = await cli.run(login, { stdin: "correct horse\r", tty: { columns: 80 } });
  assert.equal(status, 0, stderr);
  assert.ok(!`${stdout}${stderr}`.includes("\x1b"), JSON.stringify(stdout + stderr));
  const { contexts, current } = await readContexts(cli.env);
  assert.deepEqual([current, contexts.map(({ token }) => token)], ["local", ["sky_session", "sky_office"]]);
});

test("another user's login leaves the context that was there; the same user's, or --name, replaces it", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create();
  can(cloud);
  const { socketPath } = cloud;
  cloud.answers.set("session.create", ({ body }) => {
    const { name } = body as { name: string };
    return { token: `sky_${name}_${cloud.requests.length}`, expiresAt: "2026-08-03T12:00:00.000Z", userName: name };
  });
  await writeContexts(cli.env, {
    current: "local",
    contexts: [{ name: "local", socketPath, user: "admin", token: "sky_admin", project: "web" }],
  });
  const login = async (user: string, ...more: string[]) => {
    const argv = ["login", "--user", user, "--password-file", "-", ...more];
    const { status, stdout, stderr } = await cli.run(argv, { stdin: "x\n" });
    assert.equal(status, 0, stderr);
    const { contexts, current } = await readContexts(cli.env);
    return { said: stdout + stderr, current, shown: contexts.map((one) => [one.name, one.user, one.project]) };
  };
  const amy = await login("amy");
  assert.match(amy.said, /The context local stays admin's; amy has local-amy\./);
  assert.match(amy.said, /context\/local-amy is current: you are amy/);
  assert.equal(amy.current, "local-amy");
  assert.deepEqual(amy.shown, [
    ["local", "admin", "web"],
    ["local-amy", "amy", undefined],
  ]);
  assert.equal((await readContexts(cli.env)).contexts[0]?.token, "sky_admin");
  assert.equal((await login("bob")).current, "local-bob", "not local-amy-bob");
  const admin = await login("admin");
  assert.equal(admin.current, "local");
  assert.deepEqual(admin.shown[0], ["local", "admin", "web"], "the same user keeps the project");
  assert.equal(admin.shown.length, 3);
  const named = await login("amy", "--name", "local");
  assert.deepEqual([named.current, named.shown[0]], ["local", ["local", "amy", undefined]]);
  const { stdout } = await cli.run(["context", "ls"]);
  assert.match(stdout, /CURRENT +NAME +USER +TARGET/);
});

test("a person is asked for name and password, which is not shown", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create();
  can(cloud);
  const stdin = "alicf\x7fe\rwrong\x15hidden password\r";
  const { status, stderr } = await cli.run(["login", "--socket", cloud.socketPath], { tty: { columns: 80 }, stdin });
  assert.equal(status, 0, stderr);
  assert.deepEqual(cloud.requests.at(-1)?.body, { name: "alice", password: "hidden password" });
  assert.ok(!stderr.includes("hidden") && !stderr.includes("wrong"), stderr);
});

test("the token: --token-file before SKERRY_TOKEN before the context's", async () => {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  await writeFile(cli.path("token"), "sky_of_file\n");
  const sent = async (argv: string[], env: Record<string, string> = {}) => {
    const { status, stderr } = await cli.run(["whoami", ...argv], { env });
    return status === 0 ? cloud.requests.at(-1)?.headers["authorization"] : stderr;
  };
  assert.equal(await sent([]), "Bearer sky_test_secret");
  assert.equal(await sent([], { SKERRY_TOKEN: "sky_of_env" }), "Bearer sky_of_env");
  assert.equal(await sent(["--token-file", cli.path("token")], { SKERRY_TOKEN: "sky_of_env" }), "Bearer sky_of_file");
  assert.match((await sent([], { SKERRY_TOKEN: "a\nb" })) as string, /SKERRY_TOKEN does not hold a token/);
  await chmod(cli.path("token"), 0o600);
  await writeFile(cli.path("token"), "two\nlines\n");
  assert.match((await sent(["--token-file", cli.path("token")])) as string, /more than one line/);
  await writeFile(cli.path("token"), "sky_é\n");
  const odd = await cli.run(["whoami", "--token-file", cli.path("token")]);
  assert.equal(odd.status, 2, odd.stderr);
  assert.match(odd.stderr, /token does not hold a token/);
});

test("addresses: secrets go over plain HTTP to this machine only", () => {
  for (const good of [
    "http://127.0.0.1:7400",
    "http://localhost:7400/",
    "http://[::1]:7400",
    "https://cloud.example",
  ]) {
    assert.equal(assertUrl(good), new URL(good).origin);
  }
  for (const bad of [
    "cloud.example",
    "ftp://a",
    "http://cloud.example",
    "http://127.0.0.1.evil.example",
    "https://a:b@c",
    "https://a/path",
    "https://a?x",
  ]) {
    assert.throws(() => assertUrl(bad), { name: "SkerryError" }, bad);
  }
});
