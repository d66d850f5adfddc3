import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";
import { Directory } from "./directory.ts";
import { FileAsFolder, holdTarget, safeSegments } from "./safe-path.ts";
import { createTemporary } from "./temporary.ts";

describe("folders", () => {
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

  test("hostile keys never leave the destination; the others are copied", async () => {
    const hostile = [
      "../out.txt",
      "a/../../out.txt",
      "..",
      "/etc/out.txt",
      "a//b",
      "dir/",
      "nul\0.txt",
      "./x",
      "a/./b",
    ];
    for (const key of hostile) cloud.put(`docs:pre/${key}`, "evil");
    for (const key of ["ok.txt", "deep/er/ok.txt", "..fine", "a\\..\\b", "\x1b[2J"])
      cloud.put(`docs:pre/${key}`, "good");
    const { status, stderr } = await cli.run(["cp", "-r", "docs:pre", cli.path("down")]);
    assert.equal(status, 2);
    assert.match(stderr, /9 files were not copied; the other 5 were/);
    for (const line of ["segment '..'", "begins with a slash", "has a NUL", "empty segment", "ends with a slash"]) {
      assert.ok(stderr.includes(line), `${line} in ${stderr}`);
    }
    assert.ok(!stderr.includes("\x1b") && !stderr.includes("\0"));
    assert.deepEqual(
      (await filesBelow(cli.path("down"))).sort(),
      ["..fine", "\x1b[2J", "a\\..\\b", "deep/er/ok.txt", "ok.txt"].sort(),
    );
    assert.deepEqual((await readdir(cli.directory)).sort(), ["config", "down"]);
  });

  test("a link in the way is not followed, as a folder and as a file", async () => {
    await mkdir(cli.path("outside"));
    await writeFile(cli.path("outside", "file"), "mine");
    await mkdir(cli.path("down", "sub"), { recursive: true });
    await symlink(cli.path("outside"), cli.path("down", "link"));
    await symlink(cli.path("outside"), cli.path("down", "sub", "link"));
    await symlink(cli.path("outside", "file"), cli.path("down", "file"));
    await symlink(cli.path("outside", "new"), cli.path("down", "dangling"));
    for (const key of ["link/a", "sub/link/a", "file", "dangling", "sub/ok"]) cloud.put(`docs:${key}`, "theirs");
    const { status, stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.equal(status, 2);
    assert.equal(stderr.match(/stands in the way/g)?.length, 4, stderr);
    assert.deepEqual(await readdir(cli.path("outside")), ["file"]);
    assert.equal(await readFile(cli.path("outside", "file"), "utf8"), "mine");
    assert.equal(await readFile(cli.path("down", "sub", "ok"), "utf8"), "theirs");
  });

  for (const [when, sentBytes] of [
    ["before its first byte", 0],
    ["in the middle of it", 64 * 1024],
  ] as const) {
    const plant = {
      "a link": [/the link .*sub stands in the way/, (sub: string) => symlinkSync(cli.path("outside"), sub)],
      "another folder": [/another folder stands at .*sub by now/, (sub: string) => mkdirSync(sub)],
      "a file": [/a file stands at .*sub, where a folder is needed/, (sub: string) => writeFileSync(sub, "")],
      "nothing at all": [/the folder .*sub was moved away or removed/, () => undefined],
    } as const;
    for (const [what, [reason, put]] of Object.entries(plant)) {
      test(`${what} in the place of a folder, while a file comes, ${when}: it lands nowhere`, async () => {
        await mkdir(cli.path("outside"));
        await mkdir(cli.path("down", "sub"), { recursive: true });
        cloud.put("docs:sub/victim", Buffer.alloc(200_000, "theirs"));
        cloud.put("docs:sub/deep/victim", Buffer.alloc(200_000, "theirs"));
        cloud.put("docs:other", "ok");
        let planted = false;
        cloud.cutAt = (sent, { params }) => {
          if (planted || params["key"] !== "sub/victim" || sent !== sentBytes) return false;
          planted = true;
          renameSync(cli.path("down", "sub"), cli.path("away"));
          put(cli.path("down", "sub"));
          return false;
        };
        const { status, stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
        assert.ok(planted);
        assert.equal(status, 2, stderr);
        assert.match(stderr, /docs:sub\/victim: It is not copied: /);
        assert.match(stderr, reason);
        assert.deepEqual(await readdir(cli.path("outside")), []);
        assert.ok(!(await filesBelow(cli.path("away"))).includes("victim"), "nor where the folder went");
        assert.equal(await readFile(cli.path("down", "other"), "utf8"), "ok");
        assert.deepEqual(
          (await filesBelow(cli.directory)).filter((path) => path.endsWith(".part")),
          [],
        );
      });
    }
  }

  test("a folder that is removed while a file comes, and a link in its place", async () => {
    await mkdir(cli.path("outside"));
    cloud.put("docs:sub/victim", "theirs");
    cloud.cutAt = () => {
      rmdirSync(cli.path("down", "sub"));
      symlinkSync(cli.path("outside"), cli.path("down", "sub"));
      return false;
    };
    const { status, stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.equal(status, 2);
    assert.match(stderr, /docs:sub\/victim: It is not copied: the link .*sub stands in the way/);
    assert.deepEqual(await readdir(cli.path("outside")), []);
  });

  test("a link in the place of the file itself, while it comes, is left alone", async () => {
    await writeFile(cli.path("mine"), "mine");
    cloud.put("docs:sub/victim", "theirs");
    cloud.cutAt = () => {
      symlinkSync(cli.path("mine"), cli.path("down", "sub", "victim"));
      return false;
    };
    const { stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.match(stderr, /the link .*victim stands in the way/);
    assert.equal(await readFile(cli.path("mine"), "utf8"), "mine");
    assert.deepEqual(await readdir(cli.path("down", "sub")), ["victim"]);
  });

  test("a link that comes right behind a check changes nothing about where the file goes", async () => {
    await mkdir(cli.path("outside"));
    await mkdir(cli.path("down"));
    await using root = await Directory.open(cli.path("down"));
    await using target = await holdTarget(root, ["sub", "victim"]);
    renameSync(cli.path("down", "sub"), cli.path("held"));
    symlinkSync(cli.path("outside"), cli.path("down", "sub"));
    await assert.rejects(target.assertInPlace(), /the link .*sub stands in the way/);
    const unchecked = { ...target, assertInPlace: () => Promise.resolve() };
    {
      await using left = await createTemporary(unchecked);
      await left.handle.write("half");
      assert.equal(readdirSync(cli.path("held")).length, 1);
    }
    assert.deepEqual(await readdir(cli.path("held")), []);
    await using file = await createTemporary(unchecked);
    await file.handle.write("whole");
    await file.commit();
    assert.deepEqual(await readdir(cli.path("outside")), []);
    assert.equal(await readFile(cli.path("held", "victim"), "utf8"), "whole");
  });

  test("many files, whole and refused, leave nothing open", { timeout: 60_000 }, async () => {
    const openFiles = () => readdirSync("/proc/self/fd").length;
    await mkdir(cli.path("down"));
    await symlink(cli.directory, cli.path("down", "link"));
    const copy = () => cli.run(["cp", "-r", "docs:", cli.path("down")]);
    cloud.put("docs:first", "x");
    await copy();
    for (let i = 0; i < 50; i++) {
      cloud.put(`docs:a/b/c${i}/d`, "x");
      cloud.put(`docs:link/${i}`, "x");
      cloud.put(`docs:z/${i}/deep`, "x");
    }
    let most = 0;
    let moved = 0;
    cloud.cutAt = (_, { params }) => {
      most = Math.max(most, openFiles());
      const key = params["key"] ?? "";
      if (key.startsWith("z/") && existsSync(cli.path("down", "z")))
        // A name of its own each time: a key is asked for again when a connection breaks.
        renameSync(cli.path("down", "z"), cli.path(`away${moved++}`));
      return false;
    };
    const before = openFiles();
    const { stderr } = await copy();
    assert.match(stderr, /files were not copied; the other \d+ were/);
    assert.ok(most < before + 40, `${most} open, ${before} before`);
    assert.ok(openFiles() < before + 15, `${openFiles()} open, ${before} before`);
  });

  test("a destination that is itself a link is the user's own choice", async () => {
    await mkdir(cli.path("real"));
    await symlink(cli.path("real"), cli.path("link"));
    cloud.put("docs:a/b", "x");
    assert.equal((await cli.run(["cp", "-r", "docs:", cli.path("link")])).status, 0);
    assert.deepEqual(await filesBelow(cli.path("real")), ["a/b"]);
  });

  test("a file where a folder is needed is a clear error", async () => {
    for (const key of ["a", "a-b", "a/b", "a/c/d", "z"]) cloud.put(`docs:${key}`, key);
    await mkdir(cli.path("down"));
    await writeFile(cli.path("down", "z"), "before");
    const first = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.equal(first.status, 2);
    assert.match(first.stderr, /docs:a\/b: It is not copied: docs:a is an object too, and a file cannot be a folder/);
    assert.deepEqual(await filesBelow(cli.path("down")), ["a", "a-b", "z"]);
    cloud.objects.clear();
    cloud.put("docs:z/deeper", "x");
    const second = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.match(second.stderr, /a file stands at .*z, where a folder is needed/);
  });

  test("into: a name is kept where a place ends with a slash", async () => {
    await mkdir(cli.path("album", "2026"), { recursive: true });
    await writeFile(cli.path("album", "2026", "cat.jpg"), "cat");
    await writeFile(cli.path("album", "list.md"), "list");
    for (const [to, prefix] of [
      ["photos:", "album/"],
      ["photos:x/", "x/album/"],
      ["photos:y", "y/"],
    ] as const) {
      assert.equal((await cli.run(["cp", "-r", cli.path("album"), to])).status, 0);
      assert.equal(cloud.text(`photos:${prefix}2026/cat.jpg`), "cat");
      assert.equal(cloud.objects.get(`photos:${prefix}list.md`)?.contentType, "text/markdown; charset=utf-8");
    }
    assert.equal((await cli.run(["cp", "-r", `${cli.path("album")}/.`, "dots:"])).status, 0);
    assert.equal(cloud.text("dots:list.md"), "list");
    assert.equal((await cli.run(["cp", "-r", "photos:x/album", `${cli.directory}/down/`])).status, 0);
    assert.equal((await cli.run(["cp", "-r", "photos:x/album", cli.path("renamed")])).status, 0);
    assert.deepEqual((await filesBelow(cli.path("down"))).sort(), ["album/2026/cat.jpg", "album/list.md"]);
    assert.deepEqual((await filesBelow(cli.path("renamed"))).sort(), ["2026/cat.jpg", "list.md"]);
    assert.equal((await cli.run(["cp", "-r", "photos:y", "copies:"])).status, 0);
    assert.equal(cloud.text("copies:y/2026/cat.jpg"), "cat");
  });

  test("what is in a folder, without its name, where FROM ends with a slash", async () => {
    await mkdir(cli.path("site"));
    await writeFile(cli.path("site", "index.html"), "<h1>");
    assert.equal((await cli.run(["cp", "-r", `${cli.path("site")}/`, "www:"])).status, 0);
    assert.equal((await cli.run(["cp", "-r", `${cli.path("site")}/`, "www:v1/"])).status, 0);
    assert.equal((await cli.run(["cp", "-r", "www:v1/", "old:x/"])).status, 0);
    assert.deepEqual([...cloud.objects.keys()].sort(), ["old:x/index.html", "www:index.html", "www:v1/index.html"]);
    assert.equal((await cli.run(["cp", "-r", "old:x/", `${cli.path("down")}/`])).status, 0);
    assert.deepEqual(await filesBelow(cli.path("down")), ["index.html"]);
  });

  test("up: links only with --follow, special files never, what fails does not stop the others", async () => {
    await mkdir(cli.path("up", "sub"), { recursive: true });
    await writeFile(cli.path("up", "ok"), "ok");
    await writeFile(cli.path("up", "bad"), "bad");
    await writeFile(cli.path("secret"), "secret");
    await symlink(cli.path("secret"), cli.path("up", "link"));
    await symlink(cli.path("up"), cli.path("up", "sub", "loop"));
    execFileSync("mkfifo", [cli.path("up", "pipe")]);
    await writeFile(Buffer.concat([Buffer.from(`${cli.path("up")}/`), Buffer.from([0x66, 0xff])]), "not utf-8");
    const put = (key: string) => ({
      bucket: "docs",
      key,
      version: "v1",
      sizeBytes: 2,
      etag: "444bcb3a3fcf8389296c49467f27e1d6",
      contentType: "x/y",
      modifiedAt: "2026-08-01T10:00:00Z",
      metadata: {},
    });
    const sent: string[] = [];
    cloud.answers.set("object.put", ({ params }) => {
      const key = params["key"] ?? "";
      if (key.endsWith("bad")) throw new SkerryError("exhausted/quota", "The quota is used up.");
      sent.push(key);
      return put(key);
    });
    const { status, stderr } = await cli.run(["cp", "-r", cli.path("up"), "docs:"]);
    assert.notEqual(status, 0);
    assert.deepEqual(sent, ["up/ok"]);
    assert.match(stderr, /link: a link, left out; --follow/);
    assert.match(stderr, /pipe: not a plain file, left out/);
    assert.match(stderr, /name is not UTF-8/);
    assert.match(stderr, /bad: The quota is used up/);
    cloud.answers.delete("object.put");
    const followed = await cli.run(["cp", "-r", "--follow", cli.path("up"), "all:"]);
    assert.equal(cloud.text("all:up/link"), "secret");
    assert.match(followed.stderr, /loop: It leads back to a folder above it/);
  });

  test("a connection that breaks in the middle of every file is resumed", async () => {
    const content = (i: number) => Buffer.alloc(200_000, `file ${i} `);
    for (let i = 0; i < 6; i++) cloud.put(`docs:f${i}`, content(i));
    const cut = new Set<string>();
    cloud.cutAt = (sent, { params }) => {
      const key = params["key"] ?? "";
      if (sent < 100_000 || cut.has(key)) return false;
      cut.add(key);
      return true;
    };
    const { status, stderr } = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.equal(status, 0, stderr);
    assert.equal(cut.size, 6);
    for (let i = 0; i < 6; i++) assert.deepEqual(await readFile(cli.path("down", `f${i}`)), content(i));
    const resumed = cloud.requests.filter(({ headers }) => headers["range"] !== undefined);
    assert.equal(resumed.length, 6);
    assert.ok(resumed.every(({ headers }) => headers["if-match"] !== undefined));
  });

  test("a listing that breaks off ends when what has begun has ended, and the bytes of failures do not count", async () => {
    for (const key of ["a", "b", "bad"]) cloud.put(`docs:${key}`, Buffer.alloc(100_000, "n"));
    cloud.pauseMs = 30;
    const page = [...cloud.objects.keys()].map((address) => address.slice("docs:".length));
    const view = (key: string) => ({
      bucket: "docs",
      key,
      version: "v1",
      sizeBytes: 100_000,
      etag: "0".repeat(32),
      contentType: "x/y",
      modifiedAt: "2026-08-01T10:00:00Z",
      metadata: {},
    });
    cloud.answers.set("object.list", ({ query }) => {
      if (query.get("page") !== null) throw new SkerryError("forbidden", "Not this page.");
      return { items: page.map(view), prefixes: [], revision: 1, nextPage: "2" };
    });
    const broken = await cli.run(["cp", "-r", "docs:", cli.path("down")]);
    assert.equal(broken.status, 4, broken.stderr);
    assert.deepEqual(await filesBelow(cli.path("down")), ["a", "b", "bad"], "whole, and nothing half");

    cloud.answers.delete("object.list");
    await mkdir(cli.path("again", "bad"), { recursive: true });
    cloud.cutAt = (sent, { params }) => {
      if (params["key"] === "b" && sent > 0) cloud.put("docs:b", "replaced");
      return params["key"] === "b" && sent > 0;
    };
    const { stdout } = await cli.run(["cp", "-r", "docs:", cli.path("again"), "-o", "json"]);
    const { files, sizeBytes, failed } = JSON.parse(stdout) as { files: number; sizeBytes: number; failed: unknown[] };
    assert.deepEqual([files, sizeBytes, failed.length], [1, 100_000, 2], stdout);
  });

  test("from bucket to bucket: what is refused leaves no connection open", async () => {
    for (let i = 0; i < 40; i++) cloud.put(`docs:f${i}`, "x".repeat(500_000));
    cloud.refusesUploads = new SkerryError("exhausted/quota", "The quota is used up.");
    const openFiles = () => readdirSync("/proc/self/fd").length;
    const before = openFiles();
    const { status, stdout, stderr } = await cli.run(["cp", "-r", "docs:", "other:", "-o", "json"]);
    assert.equal(status, 7, stderr);
    assert.deepEqual([JSON.parse(stdout).files, JSON.parse(stdout).sizeBytes], [0, 0]);
    for (const deadline = Date.now() + 30_000; openFiles() >= before + 20; await sleep(20)) {
      assert.ok(Date.now() < deadline, `${openFiles()} open, ${before} before`);
    }
  });

  test("nothing at a prefix is an error, and makes no folder", async () => {
    assert.equal((await cli.run(["cp", "-r", "docs:none", cli.path("down")])).status, 5);
    await assert.rejects(stat(cli.path("down")));
  });
});

test("segments of keys: a table of what is refused", () => {
  for (const good of ["a", "a/b", "...", "a..b", "..a/b..", " ", "a\nb", "~", "C:\\x"])
    assert.deepEqual(safeSegments(good), good.split("/"));
  for (const bad of ["", "/", "..", "../a", "a/..", "a/../b", ".", "./a", "a/.", "/a", "a/", "a//b", "\0", "a/\0/b"]) {
    assert.throws(() => safeSegments(bad), SkerryError, JSON.stringify(bad));
  }
});

test("a key below another key is found whatever lies between", () => {
  const keys = ["a", "a-b", "a-b-c", "a/b", "a/b/c", "a0", "b", "b/c/d"];
  const order = [...keys].sort();
  const checker = new FileAsFolder();
  const found = order.map((key) => [key, checker.check(key)]).filter(([, file]) => file !== undefined);
  assert.deepEqual(found, [
    ["a/b", "a"],
    ["a/b/c", "a"],
    ["b/c/d", "b"],
  ]);
});

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}
