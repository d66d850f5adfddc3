import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { SETTINGS } from "@skerry/daemon/config/settings.ts";
import { loadDescriptor, RESOURCE_KINDS } from "../commands/resource/kinds.ts";
import { up } from "../commands/up.ts";
import { writeContexts } from "../context/contexts.ts";
import { BUCKETS, can } from "../testing/canned.ts";
import { FakeCloud, refuse } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";
import { quoteForBash, readBashLine } from "./bash-line.ts";
import { LISTS } from "./sources.ts";

async function asked(words: readonly string[], prepare: (cloud: FakeCloud, cli: Cli) => unknown = () => undefined) {
  await using cloud = await FakeCloud.start();
  await using cli = await Cli.create(cloud.socketPath);
  can(cloud);
  cloud.put("photos:2026/a.jpg", "x");
  cloud.put("photos:2026/my album/b.jpg", "x");
  cloud.put("photos:\x1b]0;owned\x07", "x");
  cloud.put("photos:list.txt", "x");
  await prepare(cloud, cli);
  const { status, stdout, stderr } = await cli.run(["__complete", ...words]);
  assert.deepEqual([status, stderr], [0, ""]);
  const lines = stdout.split("\n").slice(0, -1);
  return { texts: lines.map((line) => line.split("\t")[0]), lines, requests: cloud.requests };
}
const texts = async (...words: string[]) => (await asked(["fish", ...words])).texts;

describe("completion", () => {
  test("commands, groups and verbs, with what they do", async () => {
    const { lines } = await asked(["fish", "bu"]);
    assert.deepEqual(lines, ["bucket\tCommands for bucket"]);
    assert.deepEqual(await texts("user", "pass"), ["passwd"]);
    assert.deepEqual(await texts("help", "user", "pass"), ["passwd"]);
    assert.deepEqual(await texts("-o", "json", "wh"), ["whoami"]);
    assert.deepEqual(await texts("nonsense", ""), []);
    assert.ok(!(await texts("")).includes("__complete"), "what is for programs is not offered");
  });

  test("flags and their values, each flag once", async () => {
    assert.deepEqual(await texts("bucket", "create", "x", "--vis"), ["--visibility"]);
    assert.deepEqual(await texts("bucket", "create", "x", "--visibility", "pub"), ["public"]);
    assert.deepEqual(await texts("bucket", "create", "x", "--visibility=pub"), ["--visibility=public"]);
    assert.deepEqual(await texts("bucket", "ls", "-o", "j"), ["json"]);
    assert.deepEqual(await texts("bucket", "create", "--visibility", "public", "--vis"), []);
    assert.deepEqual(await texts("bucket", "create", "--", "--vis"), []);
    assert.deepEqual(await texts("--context", ""), ["test"]);
    assert.deepEqual(await texts("up", "--log-level", "w"), ["warn"]);
    assert.deepEqual(await texts("up", "--listen-a"), ["--listen-api"]);
  });

  test("names of what is in the cloud", async () => {
    assert.deepEqual(await texts("bucket", "get", ""), ["photos", "evil"]);
    assert.deepEqual(await texts("bucket", "rm", "photos", ""), ["evil"], "one that is named already is not offered");
    assert.deepEqual(await texts("bucket", "rm", "-y", "ev"), ["evil"]);
    assert.deepEqual(await texts("bucket", "get", "photos", ""), []);
    assert.deepEqual(await texts("bucket", "create", ""), []);
    for (const word of ["logs", "exec", "shell", "stop", "start"]) assert.deepEqual(await texts(word, "w"), ["web"]);
    assert.deepEqual(await texts("stop", "web", ""), []);
    assert.deepEqual(await texts("container", "stats", "w"), ["web"]);
    assert.deepEqual(await texts("user", "passwd", "al"), ["alice"]);
    assert.deepEqual(await texts("get", "tok"), ["token"]);
    assert.deepEqual(await texts("get", "tokens", "c"), ["ci"]);
    assert.deepEqual(await texts("session", "rm", ""), ["abcdefghijklmnopqrstuvwxyz"]);
    assert.deepEqual(await texts("ls", "--project", ""), ["web"]);
    const { requests } = await asked(["fish", "bucket", "get", "--project", "web", "ph"]);
    assert.equal(requests.at(-1)?.query.get("project"), "web");
  });

  test("containers, images, and where a route may lead", async () => {
    const [container] = await texts("container", "get", "");
    assert.equal(container, "web");
    for (const word of ["logs", "shell", "exec", "stop", "start"]) {
      assert.ok((await texts(word, "")).includes("web"), word);
      assert.ok((await texts(word, "-q", "w")).includes("web"), `${word} with a flag before`);
    }
    assert.deepEqual(await texts("stop", "web", "w"), [], "one that is named already is not offered");
    assert.deepEqual(await texts("exec", "web", "--", "w"), []);
    assert.deepEqual(await texts("exec", "web", "--ra"), ["--raw"]);
    for (const words of [["--ra"], ["-l", "--ra"], ["--output", ""]]) {
      assert.deepEqual(await texts("exec", "web", "ls", ...words), [], "flags of what is passed on are its own");
    }
    const [image = ""] = await texts("run", "");
    assert.notEqual(image, "");
    assert.ok((await texts("run", "--cpu", "1", "")).includes(image));
    assert.ok((await texts("image", "rm", "")).includes(image));
    assert.deepEqual(await texts("route", "create", "a.example", "--to", "container/w"), ["container/web:"]);
    assert.deepEqual(await texts("route", "update", "app", "--to=bucket/ph"), ["--to=bucket/photos"]);
    assert.ok((await asked(["zsh", "route", "create", "--to", "container/w"])).lines[0]?.startsWith("open"));
  });

  test("keys down to the next slash; what could steer the terminal is left out", async () => {
    assert.deepEqual(await texts("ls", "ph"), ["photos:"]);
    assert.deepEqual(await texts("ls", "photos:"), ["photos:2026/", "photos:list.txt"]);
    assert.deepEqual(await texts("ls", "photos:2026/"), ["photos:2026/my album/", "photos:2026/a.jpg"]);
    const places = await asked(["zsh", "cp", "photos:"]);
    assert.deepEqual(places.lines, ["open\tphotos:2026/\t", "word\tphotos:list.txt\t"]);
  });

  test("files where files may stand", async () => {
    const prepare = async (_cloud: FakeCloud, cli: Cli) => {
      await mkdir(cli.path("phone"));
      await writeFile(cli.path("cloud.yaml"), "");
      await writeFile(cli.path(".hidden"), "");
    };
    const { texts: home } = await asked(["fish", "cp", "~/"], prepare);
    assert.deepEqual(home.sort(), ["~/cloud.yaml", "~/config/", "~/phone/"]);
    assert.deepEqual((await asked(["fish", "backup", "verify", "~/clo"], prepare)).texts, ["~/cloud.yaml"]);
    assert.deepEqual((await asked(["fish", "apply", "-f", "~/clo"], prepare)).texts, ["~/cloud.yaml"]);
  });

  test("a cloud that takes the question and never answers does not hold the shell", async () => {
    await using cli = await Cli.create();
    const socketPath = cli.path("silent.sock");
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket)).listen(socketPath);
    try {
      await writeContexts(cli.env, { current: "x", contexts: [{ name: "x", socketPath, token: "sky_x" }] });
      await writeFile(cli.path("phone"), "");
      const { status, stdout, stderr } = await cli.run(["__complete", "fish", "cp", "~/ph"]);
      assert.deepEqual([status, stdout, stderr], [0, "~/phone\t\n", ""], "what was found in time is given");
      assert.equal(sockets.length, 1, "it was asked");
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("names beyond the first page are found, and no more pages are read than is bearable", async () => {
    const [bucket] = BUCKETS;
    const pages = (most: number) => (cloud: FakeCloud) =>
      cloud.answers.set("bucket.list", ({ query }) => {
        const n = Number(query.get("page") ?? 0);
        const items = [{ ...bucket, meta: { ...bucket?.meta, name: `page-${n}` } }];
        return { items, revision: 42, ...(n + 1 < most ? { nextPage: String(n + 1) } : {}) };
      });
    const all = await asked(["fish", "bucket", "get", "page-2"], pages(3));
    assert.deepEqual(all.texts, ["page-2"]);
    const endless = await asked(["fish", "bucket", "get", ""], pages(1_000_000));
    assert.equal(endless.texts.length, LIMITS.cli.completionPages);
    const broken = await asked(["fish", "bucket", "get", ""], (cloud) => {
      pages(3)(cloud);
      const whole = cloud.answers.get("bucket.list");
      cloud.answers.set("bucket.list", (request) => {
        if (request.query.get("page") !== "2") return whole?.(request);
        throw new SkerryError("unavailable", "Not now.");
      });
    });
    assert.deepEqual(broken.texts, ["page-0", "page-1"], "what came is better than nothing");
  });

  test("silent when the cloud is away or refuses", async () => {
    const away = await asked(["fish", "bucket", "get", ""], (cloud) => {
      for (const route of cloud.answers.keys()) cloud.answers.set(route, refuse("unauthenticated", "No."));
    });
    assert.deepEqual(away.lines, []);
    await using cli = await Cli.create("/nowhere/api.sock");
    const none = await cli.run(["__complete", "bash", ":=", "skerry cp ph"]);
    assert.deepEqual(none, { status: 0, stdout: "", stderr: "" });
    const still = await cli.run(["__complete", "bash", ":=", "skerry wh"]);
    assert.equal(still.stdout, "whoami \n");
    for (const argv of [[], ["bash"], ["fish"], ["ksh", "x"]]) {
      const odd = await cli.run(["__complete", ...argv]);
      assert.deepEqual([odd.status, odd.stderr], [0, ""]);
    }
  });

  test("the short ways to names are those of the contract, and up has the daemon's flags", async () => {
    for (const kind of RESOURCE_KINDS) {
      const { list, listsByProject, param } = await loadDescriptor(kind);
      const short = LISTS[kind];
      if (short === undefined) continue;
      assert.deepEqual(
        [short.path, short.byProject === true, short.byUid === true],
        [list.path, listsByProject, param === "uid"],
      );
    }
    const flags = Object.values(SETTINGS).map(({ flag }) => flag);
    const own = Object.keys(up.options ?? {}).filter((flag) => !["config", "print-config", "version"].includes(flag));
    assert.deepEqual(own.sort(), flags.sort());
  });
});

test("the words of a line of bash", () => {
  const cases: [line: string, words: string[], kept: string, quote: string][] = [
    ["skerry ", [""], "", ""],
    ["skerry ls photos:a", ["ls", "photos:a"], "photos:", ""],
    ["A=1 B='x y' skerry ls", ["ls"], "", ""],
    ["skerry cp a\\ b 'c d", ["cp", "a b", "c d"], "", "'"],
    ['skerry cp "a:\\"b', ["cp", 'a:"b'], "", '"'],
    ["skerry x --visibility=pu", ["x", "--visibility=pu"], "--visibility=", ""],
    ["skerry cp photos:a:b/", ["cp", "photos:a:b/"], "photos:a:", ""],
    ["skerry cp 'a:b':c", ["cp", "a:b:c"], "a:b:", ""],
    ["skerry \\", [""], "", ""],
  ];
  for (const [line, words, kept, quote] of cases) {
    assert.deepEqual(readBashLine(line, ":="), { words, kept, quote }, line);
  }
  assert.equal(quoteForBash("a b$(rm)`x`;'\"日", ""), "a\\ b\\$\\(rm\\)\\`x\\`\\;\\'\\\"日");
  assert.equal(quoteForBash("a $x'", '"'), "a \\$x'");
  assert.equal(quoteForBash("it's", "'"), "it'\\''s");
});
