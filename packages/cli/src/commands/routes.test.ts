import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli, interrupted } from "../testing/run-cli.ts";
import type { AnyCommand, OptionSpecs } from "./command.ts";
import { GLOBAL_OPTIONS } from "./command.ts";
import { ENTRIES } from "./table.ts";

/** Every command but those that need a daemon, or never end. */
const CALLS = [
  "status",
  "whoami",
  "storage status",
  "job ls",
  "audit ls",
  "metrics",
  "openapi",
  "health live",
  "health ready",
  "bucket ls",
  "bucket get photos",
  "bucket create photos",
  "bucket update photos --visibility public",
  "bucket rm photos",
  "route ls",
  "route get app-example-com",
  "route create app.example.com --to container/web:80",
  "route update app-example-com --to bucket/site",
  "route canary start app-example-com",
  "route purge app-example-com",
  "route switch app-example-com --to container/green:80",
  "route ticket",
  "route explain GET app.example.com/",
  "route rm app-example-com",
  "upstream ls",
  "upstream get web",
  "upstream create web --backend a=http://10.0.0.7:3000",
  "upstream update web --backend b,weight=3",
  "upstream drain web a",
  "upstream undrain web b",
  "upstream rm web",
  "certificate ls",
  "certificate get app",
  "certificate create app --cert - --key /etc/hostname",
  "certificate update app --cert -",
  "certificate rm app",
  "iplist ls",
  "iplist get office",
  "iplist create office --from-file -",
  "iplist update office --from-file -",
  "iplist rm office",
  "gateway log",
  "gateway preview -f - --no-log",
  "gateway apply -f -",
  "gateway history",
  "gateway history show 12",
  "gateway rollback 12 --yes",
  "ca export",
  "run site:2 --name web",
  "ps",
  "logs web",
  "exec web -- ls",
  "stop web",
  "start web",
  "container ls",
  "container get web",
  "container rm web",
  "container stats web",
  "container update web --cpu 0.5",
  "container cp /etc/passwd web:/tmp/",
  "network ls",
  "network get back",
  "network create back",
  "network rm back",
  "volume ls",
  "volume get data",
  "volume create data",
  "volume rm data",
  "image load -",
  "image ls",
  "image rm site:2",
  "user ls",
  "user get alice",
  "user create bob",
  "user update bob --role viewer",
  "user rm bob",
  "user passwd bob --password-file -",
  "token ls",
  "token get ci",
  "token create ci",
  "token rm ci",
  "project ls",
  "project get web",
  "project create web",
  "project rm web",
  "binding ls",
  "binding get alice",
  "binding create alice --project web --role member",
  "binding rm alice",
  "session ls",
  "session rm current",
  "get buckets",
  "apply -f -",
  "ls docs:",
  "stat docs:a",
  "cp - docs:b",
  "cp docs:b -",
  "rm docs:b",
  "context ls",
  "context use test",
  "login --user alice --password-file -",
  "logout",
  "context rm test",
  "completion bash",
  "version",
];

/** What is read from standard input, where that is not a password. */
const DECLARED: Readonly<Record<string, string>> = {
  "apply -f -": "kind: bucket\nname: photos",
  "gateway apply -f -": "kind: iplist\nname: office\nspec: {entries: 203.0.113.7}",
  "gateway preview -f - --no-log": "kind: iplist\nname: office\nspec: {entries: 203.0.113.7}",
};

describe("the commands", () => {
  test("every route is reachable, and no command is left out here", async () => {
    await using cloud = await FakeCloud.start();
    await using cli = await Cli.create(cloud.socketPath);
    can(cloud);
    cloud.put("docs:a", "x");
    // What comes is looked at before it is called a backup; a real one is made in a journey.
    const saved = await cli.run(["backup", "create", cli.path("saved")]);
    assert.match(saved.stderr, /saved is not a backup of Skerry/);
    assert.ok(!(await readdir(cli.directory)).some((name) => name.includes("saved")));
    // The target is a file of this test's own.
    const { status: copied, stderr: why } = await cli.run(["container", "cp", "web:/etc/motd", cli.path("motd")]);
    assert.equal(copied, 0, why);
    assert.equal(await readFile(cli.path("motd"), "utf8"), "hello\n");
    for (const call of CALLS) {
      const stdin = DECLARED[call] ?? "correct horse battery\n";
      const { status, stderr } = await cli.run(call.split(" "), { stdin });
      assert.equal(status, 0, `${call}: ${stderr}`);
    }
    const reached = new Set(cloud.requests.map(({ route }) => route));
    assert.deepEqual(
      ROUTES.map(({ id }) => id).filter((id) => !reached.has(id)),
      [],
    );
    const elsewhere = [
      "top",
      "ui",
      "up",
      "__complete",
      "doctor",
      "shell",
      "user reset-password",
      "service install",
      "service uninstall",
      "service status",
      "backup create",
      "backup verify",
      "backup restore",
      ...ENTRIES.map(({ words }) => words).filter((words) => words.endsWith(" watch")),
    ];
    const tried = ENTRIES.filter(({ words }) => CALLS.some((call) => call === words || call.startsWith(`${words} `)));
    assert.deepEqual(
      ENTRIES.filter((entry) => !tried.includes(entry))
        .map(({ words }) => words)
        .sort(),
      elsewhere.sort(),
    );
  });

  test("a secret is never an argument", async () => {
    for (const { words, load } of ENTRIES) {
      const command = await load();
      if ("passThrough" in command) continue;
      const options: OptionSpecs = { ...((command as AnyCommand).options as OptionSpecs), ...GLOBAL_OPTIONS };
      for (const [name, { type }] of Object.entries(options)) {
        if (!/password|token|secret/.test(name)) continue;
        assert.match(name, /-file$/, `skerry ${words} --${name}`);
        assert.equal(type, "string");
      }
    }
  });

  test("each says how it is used, and its example is one of its own calls", async () => {
    await using cli = await Cli.create();
    for (const { words, load } of ENTRIES) {
      const command = await load();
      if ("passThrough" in command) continue;
      const { status, stdout } = await cli.run([...words.split(" "), "--help"]);
      assert.equal(status, 0, words);
      assert.ok(stdout.startsWith(`skerry ${words}`), stdout);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${words}: ${line}`);
      const { example } = command as AnyCommand;
      assert.ok(example === words || example.startsWith(`${words} `), example);
    }
  });

  test("watch shows what is there, then changes, and ends with the signal", async () => {
    await using cloud = await FakeCloud.start();
    await using cli = await Cli.create(cloud.socketPath);
    can(cloud);
    const item = {
      kind: "bucket",
      meta: { uid: "u", revision: 50, name: "\x1bnew", labels: {}, createdAt: "2026-08-02T11:00:00Z" },
      spec: { visibility: "public" },
    };
    cloud.events = [
      { event: "put", data: item },
      { event: "put", data: { ...item, meta: { ...item.meta, revision: 51 } } },
      { event: "delete", data: item },
    ];
    const { signal, press } = interrupted();
    const running = cli.run(["bucket", "watch", "-o", "json"], { signal });
    setTimeout(press, 500);
    const { status, stdout } = await running;
    assert.equal(status, 130);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; time: string; item: { meta: { name: string } } });
    assert.deepEqual(
      lines.map(({ type, item: { meta } }) => [type, meta.name]),
      [
        ["ADDED", "photos"],
        ["ADDED", "evil"],
        ["ADDED", "\x1bnew"],
        ["CHANGED", "\x1bnew"],
        ["DELETED", "\x1bnew"],
      ],
    );
    assert.ok(lines.every(({ time }) => time === "2026-08-02T12:00:00.000Z"));
  });

  test("watch shows names for uids too", async () => {
    await using cloud = await FakeCloud.start();
    await using cli = await Cli.create(cloud.socketPath);
    can(cloud);
    const { signal, press } = interrupted();
    const running = cli.run(["token", "watch"], { signal });
    const asked = () => cloud.requests.some(({ query }) => query.get("watch") === "1");
    while (!asked()) await new Promise((resolve) => setTimeout(resolve, 20));
    press();
    assert.match((await running).stdout, /ADDED +ci +storage\.@alice\.objects\.@photos=read,create/);
  });

  test("watch says once that the connection is lost, and once that it is there again", {
    timeout: 60_000,
  }, async () => {
    await using cloud = await FakeCloud.start();
    await using cli = await Cli.create(cloud.socketPath);
    can(cloud);
    // Two that end at once, and one that stays.
    cloud.watches = ["end", "end", "stay"];
    cloud.events = [{ event: "progress", data: {} }];
    const { signal, press } = interrupted();
    const running = cli.run(["user", "watch"], { signal });
    while (cloud.watches.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    setTimeout(press, 300);
    const { status, stdout, stderr } = await running;
    assert.equal(status, 130);
    assert.match(stdout, /^TIME +CHANGE +NAME/);
    assert.match(stdout, /^2026-08-02 12:00:00Z {2}ADDED +alice/m);
    assert.equal(stderr.match(/The connection is lost/g)?.length, 1, stderr);
    assert.equal(stderr.match(/Connected again/g)?.length, 1, stderr);
  });
});
