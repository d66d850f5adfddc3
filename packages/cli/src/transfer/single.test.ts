import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli, interrupted } from "../testing/run-cli.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/skerry");

describe("single files", () => {
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
  const visible = async () => (await readdir(cli.directory)).filter((name) => name !== "config").sort();

  test("up and down, with names kept where a place means into", async () => {
    const content = Buffer.alloc(3_000_000, "0123456789");
    await writeFile(cli.path("data.json"), content);
    for (const [to, key] of [
      ["docs:", "data.json"],
      ["docs:x/", "x/data.json"],
      ["docs:other", "other"],
    ] as const) {
      assert.equal((await cli.run(["cp", cli.path("data.json"), to])).status, 0);
      assert.deepEqual(cloud.objects.get(`docs:${key}`)?.bytes, content);
      assert.equal(cloud.objects.get(`docs:${key}`)?.contentType, "application/json");
    }
    await mkdir(cli.path("dir"));
    assert.equal((await cli.run(["cp", "docs:x/data.json", cli.path("dir")])).status, 0);
    assert.deepEqual(await readFile(cli.path("dir", "data.json")), content);
    assert.deepEqual(await readdir(cli.path("dir")), ["data.json"]);
    assert.equal((await cli.run(["cp", "docs:x/data.json", "docs:copy/"])).status, 0);
    assert.deepEqual(cloud.objects.get("docs:copy/data.json")?.bytes, content);
  });

  test("standard input and output, and an empty object", async () => {
    assert.equal((await cli.run(["cp", "-", "docs:in.txt"], { stdin: "from a pipe" })).status, 0);
    assert.equal((await cli.run(["cp", "docs:in.txt", "-"])).stdout, "from a pipe");
    assert.equal((await cli.run(["cp", "-", "docs:empty"], { stdin: "" })).status, 0);
    assert.equal((await cli.run(["cp", "docs:empty", cli.path("empty")])).status, 0);
    assert.equal((await readFile(cli.path("empty"))).length, 0);
    assert.equal((await cli.run(["cp", "-", "docs:"], { stdin: "x" })).status, 2);
    assert.equal((await cli.run(["cp", "a", "b"])).status, 2);
  });

  test("what is wrong with a place is said, and is no other kind of failure", async () => {
    cloud.put("docs:a", "x");
    cloud.put("docs:album/1", "x");
    cloud.put("docs:..", "x");
    await mkdir(cli.path("dir", "album"), { recursive: true });
    await mkdir(cli.path("dir", "a"));
    const cases: [argv: string[], status: number, says: RegExp][] = [
      [["cp", cli.path("nope"), "docs:"], 5, /nope: there is no such file/],
      [["cp", cli.path("dir"), "docs:"], 2, /is a folder.*\n.*-r/],
      [
        ["cp", "docs:a", "/proc/skerry-x"],
        4,
        /^error: \/proc\/skerry-x cannot be made: the folder \/proc takes no files\./,
      ],
      [["cp", "docs:a", cli.path("no", "folder")], 5, /There is no folder .*no to put it into[\s\S]*mkdir -p .*\/no$/m],
      [["cp", "docs:a", cli.path("dir")], 2, /dir\/a is a folder/],
      [["cp", "docs:none", cli.path("x")], 5, /There is no object docs:none/],
      [["cp", "docs:none", "docs:x"], 5, /There is no object docs:none/],
      [["cp", "docs:none", "-"], 5, /There is no object docs:none/],
      [["cp", "docs:album", cli.path("dir")], 2, /docs:album\/ is a folder of keys[\s\S]*-r/],
      [["cp", "docs:album/", "-"], 2, /docs:album\/ is a folder of keys[\s\S]*-r/],
      [["cp", "docs:album", "docs:x"], 2, /docs:album\/ is a folder of keys[\s\S]*-r/],
      [["rm", "docs:album"], 2, /docs:album\/ is a folder of keys[\s\S]*rm -r docs:album\//],
      [["stat", "docs:album"], 2, /docs:album\/ is a folder of keys[\s\S]*ls docs:album\//],
      [["cp", cli.path("film.raw"), "photos"], 2, /Did you mean photos: \?/],
      [["cp", "docs:..", `${cli.directory}/`], 2, /'\.\.'/],
      [["cp", "docs:", cli.path("x")], 2, /names no object/],
    ];
    for (const [argv, status, says] of cases) {
      const result = await cli.run(argv);
      assert.equal(result.status, status, `${argv.join(" ")}: ${result.stderr}`);
      assert.match(result.stderr, says);
    }
    assert.deepEqual(await visible(), ["dir"]);
  });

  test("a damaged or broken download leaves the old file and nothing else", async () => {
    await writeFile(cli.path("file"), "old");
    cloud.put("docs:file", Buffer.alloc(100_000, "n"));
    cloud.damage = (bytes) => Buffer.from(bytes).fill("X", 50_000, 50_001);
    const damaged = await cli.run(["cp", "docs:file", cli.path("file")]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /does not fit its ETag[\s\S]*internal\/corrupt/);
    assert.equal(await readFile(cli.path("file"), "utf8"), "old");
    cloud.damage = undefined;
    // Replaced while it is being read: what has come must not be joined with the other half.
    let cuts = 0;
    cloud.cutAt = (sent) => {
      if (sent < 50_000 || cuts++ > 0) return false;
      cloud.put("docs:file", "other");
      return true;
    };
    const replaced = await cli.run(["cp", "docs:file", cli.path("file")]);
    assert.equal(replaced.status, 6);
    assert.match(replaced.stderr, /was replaced while it was being read/);
    assert.equal(await readFile(cli.path("file"), "utf8"), "old");
    assert.deepEqual(await visible(), ["file"]);
  });

  test("Ctrl-C ends with 130 and leaves no temporary file", async () => {
    await writeFile(cli.path("file"), "old");
    cloud.put("docs:file", Buffer.alloc(1_000_000, "n"));
    cloud.pauseMs = 50;
    const { signal, press } = interrupted();
    const running = cli.run(["cp", "docs:file", cli.path("file")], { signal });
    while ((await visible()).length < 2) await sleep(10);
    press();
    const ended = await running;
    assert.equal(ended.status, 130);
    assert.match(ended.stderr, /^interrupted: nothing was stored at .*file\n$/);
    assert.deepEqual(await visible(), ["file"]);
    assert.equal(await readFile(cli.path("file"), "utf8"), "old");
  });

  test("kill -9 leaves the old file; SIGINT to the program leaves nothing else either", {
    timeout: 60_000,
  }, async () => {
    await writeFile(cli.path("file"), "old");
    cloud.put("docs:file", Buffer.alloc(1_000_000, "n"));
    cloud.pauseMs = 50;
    for (const [signal, status, left] of [
      ["SIGKILL", null, 2],
      ["SIGINT", 130, 2],
    ] as const) {
      const child = spawn(PROGRAM, ["cp", "docs:file", cli.path("file")], {
        env: { ...process.env, ...cli.env },
        stdio: "ignore",
      });
      const ended = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
      const wanted = (await visible()).length + 1;
      while ((await visible()).length < wanted) await sleep(20);
      child.kill(signal);
      assert.equal(await ended, status);
      assert.equal(await readFile(cli.path("file"), "utf8"), "old");
      assert.equal((await visible()).length, left, "a killed program cannot clean up; an interrupted one does");
    }
  });

  test("a target that is a link is written through; a pipe gets the bytes and stays a pipe", async () => {
    cloud.put("docs:file", "new");
    await writeFile(cli.path("real"), "old");
    await chmod(cli.path("real"), 0o600);
    await symlink("real", cli.path("link"));
    assert.equal((await cli.run(["cp", "docs:file", cli.path("link")])).status, 0);
    assert.equal(await readFile(cli.path("real"), "utf8"), "new");
    for (const mode of [0o600, 0o664]) {
      await chmod(cli.path("real"), mode);
      assert.equal((await cli.run(["cp", "docs:file", cli.path("real")])).status, 0);
      assert.equal((await stat(cli.path("real"))).mode & 0o777, mode, "who may read it stays as it was");
    }
    execFileSync("mkfifo", [cli.path("pipe")]);
    const reading = readFile(cli.path("pipe"), "utf8");
    assert.equal((await cli.run(["cp", "docs:file", cli.path("pipe")])).status, 0);
    assert.equal(await reading, "new");
  });

  test("an upload that is not stored as it was sent is an error", async () => {
    await writeFile(cli.path("file"), "content");
    cloud.answers.set("object.put", () => ({
      bucket: "docs",
      key: "file",
      version: "v",
      sizeBytes: 7,
      etag: "0".repeat(32),
      contentType: "x/y",
      modifiedAt: "2026-08-01T10:00:00Z",
      metadata: {},
    }));
    const { status, stderr } = await cli.run(["cp", cli.path("file"), "docs:"]);
    assert.equal(status, 1);
    assert.match(stderr, /is not what was sent/);
  });

  test("cp -r says how far it came when it is interrupted", async () => {
    for (let i = 0; i < 20; i++) cloud.put(`docs:f${i}`, Buffer.alloc(i < 4 ? 10 : 1_000_000, "n"));
    cloud.pauseMs = 20;
    const { signal, press } = interrupted();
    const running = cli.run(["cp", "-r", "docs:", cli.path("down")], { signal });
    while (cloud.requests.filter(({ route }) => route === "object.get").length < 8) await sleep(10);
    press();
    const { status, stderr } = await running;
    assert.equal(status, 130);
    assert.match(stderr, /^interrupted: \d+ files? copied\n$/);
  });

  test("links and names that are left out: the first are named, the others summed up, and links are no failure", async () => {
    await mkdir(cli.path("links"));
    for (let i = 0; i < 10; i++) await symlink("nowhere", cli.path("links", `l${i}`));
    const links = await cli.run(["cp", "-r", cli.path("links"), "docs:"]);
    assert.equal(links.status, 0, links.stderr);
    assert.equal(links.stderr.match(/: a link, left out/g)?.length, 4, links.stderr);
    assert.match(links.stderr, /\.\.\. and 7 more: a link, left out/);
    const folder = Buffer.from(`${cli.path("links")}/`);
    for (let i = 0; i < 5; i++) await writeFile(Buffer.concat([folder, Buffer.from([0xff, 0x61 + i])]), "x");
    const names = await cli.run(["cp", "-r", cli.path("links"), "docs:"]);
    assert.equal(names.status, 2, names.stderr);
    assert.match(names.stderr, /\.\.\. and 2 more: its name is not UTF-8/);
    assert.match(names.stderr, /5 files were not copied/);
  });

  test("stat and ls say the same time; of an older daemon stat knows the second", async () => {
    cloud.put("docs:a", "x");
    const stat = async () => JSON.parse((await cli.run(["stat", "docs:a", "-o", "json"])).stdout).modifiedAt;
    const [listed] = JSON.parse((await cli.run(["ls", "docs:", "-o", "json"])).stdout);
    assert.equal(listed.modifiedAt, "2026-08-01T10:00:00.123Z");
    assert.equal(await stat(), listed.modifiedAt);
    cloud.saysMilliseconds = false;
    assert.equal(await stat(), "2026-08-01T10:00:00.000Z");
  });

  test("removing: a missing key is told, a folder needs a yes, a person is asked", async () => {
    for (const key of ["a", "dir/b", "dir/c", "dirt"]) cloud.put(`docs:${key}`, "x");
    assert.equal((await cli.run(["rm", "docs:nope"])).status, 5);
    assert.equal((await cli.run(["rm", "docs:"])).status, 2);
    assert.equal((await cli.run(["rm", "docs:a"])).status, 0);
    assert.equal((await cli.run(["rm", "-r", "docs:dir"])).status, 2);
    const no = await cli.run(["rm", "-r", "docs:dir"], { tty: { columns: 80 }, stdin: "n\r" });
    assert.equal(no.status, 2, no.stderr);
    assert.equal(cloud.objects.size, 3);
    const yes = await cli.run(["rm", "-r", "docs:dir"], { tty: { columns: 80 }, stdin: "yes\r" });
    assert.match(yes.stderr, /Remove 2 objects \(2 B\) at docs:dir\/\?/);
    assert.deepEqual([...cloud.objects.keys()], ["docs:dirt"]);
  });
});
