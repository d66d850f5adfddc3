/** What workers share of answers, in files: between two proxies on one directory, as two workers have it. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Cache } from "../../../../domain/cache-rules.ts";
import { LIMITS } from "../../../../domain/limits.ts";
import { realClock } from "../../../../platform/clock.ts";
import { realRandom } from "../../../../platform/random.ts";
import { answerOf, CacheWorld, LAST } from "../../../../testing/cache-world.ts";
import { until } from "../../../../testing/proxy-world.ts";
import { CommonFiles, emptyCommonFiles, purgeCommonFiles } from "./common-files.ts";

const { collapseMs: maxLockMs, maxMarkFiles, maxCommonSavingBytes: maxSavingBytes } = LIMITS.actions;

class Place implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "skerry-common-cache-"));
  readonly #all: Disposable[] = [];

  open(
    slot = 0,
    limits: { maxBytes?: number; maxFiles?: number; maxMarkFiles?: number; originMs?: number } = {},
  ): CommonFiles {
    const usual = { maxBytes: 1e8, maxFiles: 1000, originMs: 0, maxLockMs, maxMarkFiles, maxSavingBytes };
    const files = new CommonFiles({ ...usual, ...limits, directory: this.directory, slot, random: realRandom });
    this.#all.push(files);
    return files;
  }

  /** Two that lead to the same upstream, as two workers do; what one asks, the other sees as well. */
  async workers(
    answer: Parameters<typeof CacheWorld.start>[0],
    rule: Cache = {},
  ): Promise<readonly [CacheWorld, CacheWorld]> {
    const one = await CacheWorld.start(answer, rule, {}, {}, this.open(0));
    const two = await CacheWorld.start("", rule, {}, {}, this.open(1));
    two.proxy.route(one.proxy.upstreamPort);
    two.seen = one.seen;
    return [one, two];
  }

  /** Of answers. */
  get files(): string[] {
    const answers = join(this.directory, "answers");
    return readdirSync(answers, { recursive: true, encoding: "utf8" })
      .map((name) => join(answers, name))
      .filter((path) => !path.includes("/new-") && statSync(path).isFile());
  }

  async saved(count: number): Promise<void> {
    await until(() => this.files.length === count, `${count} files`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#all) one[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

const HEAD = "Cache-Control: max-age=60\r\nX-Up: \xe9\r\n";

test("what one has kept, another gives, with its age; by what Vary names", async () => {
  await using place = new Place();
  const [one, two] = await place.workers(`${HEAD}Vary: Accept-Language\r\n`);
  await using _one = one;
  await using _two = two;
  const [de, en] = ["Accept-Language: de\r\n", "Accept-Language: en\r\n"] as const;
  deepEqual([await one.bodies(de, en), await two.bodies(de, en)].flat(), ["body 1", "body 2", "body 1", "body 2"]);
  two.time.skewMs += 10_000;
  const { head, status } = await two.ask(de);
  match(head, /\r\nX-Up: \xe9\r\n[\s\S]*\r\nAge: 10\r\n/);
  match(status, /^skerry; hit; ttl=(49|50)$/);
  equal(one.seen.length, 2);
  equal((await two.ask("Accept-Language: fr\r\n")).body, "body 3");
});

test("clocks of processes that began at different times tell the same age", async () => {
  await using place = new Place();
  const [one, two] = [place.open(0, { originMs: 1000 }), place.open(1, { originMs: 500 })];
  await keep(one, "k", { madeMs: 100, freshUntilMs: 200 });
  const found = two.find("k", { route: "r", path: "/x" }, "", Number.NEGATIVE_INFINITY);
  deepEqual([found?.madeMs, found?.freshUntilMs], [600, 700]);
  equal(two.find("k", { route: "r", path: "/x" }, "", 700), undefined, "nothing newer");
});

test("an entry that is torn or flipped anywhere is never given", async () => {
  await using place = new Place();
  const files = place.open();
  await keep(files, "k", { body: Buffer.from("the body") });
  const [path = ""] = place.files;
  const whole = readFileSync(path);
  const find = () => files.find("k", { route: "r", path: "/x" }, "", Number.NEGATIVE_INFINITY);
  equal(find()?.body.toString(), "the body");
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    writeFileSync(path, bytes);
    equal(find(), undefined, `byte ${at}`);
  }
  for (let length = 0; length < whole.length; length += 5) {
    writeFileSync(path, whole.subarray(0, length));
    equal(find(), undefined, `${length} bytes`);
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.from("x")]));
  equal(find(), undefined, "longer");
  ok(files.failures > whole.length);
  writeFileSync(path, whole);
  equal(files.find("k2", { route: "r", path: "/x" }, "", 0), undefined);
  equal(find()?.body.toString(), "the body");
});

test("an answer that was cut off on the disk is asked for anew", async () => {
  await using place = new Place();
  const [one, two] = await place.workers(HEAD);
  await using _one = one;
  await using _two = two;
  equal((await one.ask()).body, "body 1");
  await place.saved(1);
  truncateSync(place.files[0] as string, 60);
  equal((await two.ask()).body, "body 2");
});

test("files have a bound: each takes its own oldest away, and who takes its place takes over what it has written", async () => {
  await using place = new Place();
  const first = place.open(0, { maxFiles: 3 });
  const other = place.open(1);
  for (const key of ["a", "b", "c", "d"]) await keep(first, key);
  await keep(other, "e");
  await place.saved(4);
  writeFileSync(join(place.directory, "answers", "new-0-7"), "what a dead one was about to write");
  const next = place.open(0, { maxFiles: 3 });
  await next.adopt();
  ok(!existsSync(join(place.directory, "answers", "new-0-7")));
  await keep(next, "f");
  await place.saved(4);
  const there = ["a", "e", "f"].map((key) => next.find(key, { route: "r", path: "/x" }, "", 0) !== undefined);
  deepEqual(there, [false, true, true]);
  const small = place.open(2, { maxBytes: 3000 });
  for (const key of ["g", "h", "i"]) await keep(small, key, { body: Buffer.alloc(1000) });
  ok(small.bytes <= 3000, `${small.bytes}`);
  await keep(small, "j", { body: Buffer.alloc(4000) });
  equal(small.find("j", { route: "r", path: "/x" }, "", 0), undefined);
  // Another has put a newer one in its place: that one stays.
  await keep(small, "k");
  await keep(other, "k", { status: 203 });
  for (const key of ["l", "m", "n"]) await keep(small, key, { body: Buffer.alloc(1000) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(other.find("k", { route: "r", path: "/x" }, "", 0)?.status, 203);
});

test("a change by one is seen by the others at once, and by no other project", async () => {
  await using place = new Place();
  const [one, two] = [place.open(0), place.open(1, { maxMarkFiles: 1 })];
  const marks = (files: CommonFiles) => ["p", "q"].map((project) => files.mark(project, "app.example/x"));
  deepEqual(marks(one), [0, 0]);
  for (let n = 0; n < 5000; n++) one.change("p", `app.example/${n}`);
  one.change("p", "app.example/x");
  deepEqual(marks(two), marks(one));
  equal(marks(two)[1], 0);
  const before = marks(one);
  two.change("p", "app.example/x");
  ok(marks(one)[0] !== before[0]);
});

test("a purge takes what there is, and what is being written: of one path, of those that begin so, of a route", async () => {
  await using place = new Place();
  const files = place.open();
  const uris = ["a.example/x", "a.example/news/1", "a.example/news/2", "b.example/x"] as const;
  const left = () => uris.filter((uri) => files.find(uri, { route: "r", path: uri.slice(9) }, "", 0) !== undefined);
  for (const [path, gone] of [
    ["/x", [0, 3]],
    ["/news/*", [1, 2]],
    [undefined, [0, 1, 2, 3]],
  ] as const) {
    for (const uri of uris) await keep(files, uri, { uri });
    await keep(files, "s", { route: "s" });
    deepEqual(left(), uris);
    await purgeCommonFiles(place.directory, "r", path);
    deepEqual(
      left(),
      uris.filter((_, at) => !(gone as readonly number[]).includes(at)),
    );
    ok(files.find("s", { route: "s", path: "/x" }, "", 0) !== undefined, "another route's stays");
  }
  const saving = keep(files, "a.example/x", { uri: "a.example/x" });
  files.purge("r", "/x");
  await saving;
  deepEqual(left(), []);
  await emptyCommonFiles(place.directory);
  deepEqual(place.files, []);
});

test("who asks for what another asks for waits for it, but not for a dead one, nor for one that takes too long", async () => {
  await using place = new Place();
  const [one, two] = [place.open(0), place.open(1)];
  const nowMs = realClock.monotonicMs();
  deepEqual([one.lock("k", nowMs), two.lock("k", nowMs), two.lock("l", nowMs)], ["mine", "others", "mine"]);
  equal(two.lock("k", nowMs + maxLockMs), "late");
  let isFree = false;
  two.onUnlocked("k", () => {
    isFree = true;
  });
  await realClock.sleep(30);
  equal(isFree, false);
  one.unlock("k");
  await until(() => isFree, "it is free");
  equal(two.lock("k", nowMs), "mine");
  two.unlock("l");
  const { pid } = spawnSync("true");
  const locks = join(place.directory, "locks");
  const name = readdirSync(locks)[0] as string;
  rmSync(join(locks, name));
  symlinkSync(`${pid} ${nowMs}`, join(locks, name));
  isFree = false;
  one.onUnlocked("k", () => {
    isFree = true;
  });
  await until(() => isFree, "the dead one's is free");
});

test("those of two workers who ask at once are one to the upstream, also when the first goes away", async () => {
  const held: (() => void)[] = [];
  await using place = new Place();
  const [one, two] = await place.workers("");
  await using _one = one;
  await using _two = two;
  const port = await one.proxy.listen((socket) => {
    socket.on("data", () => held.push(() => socket.write(answerOf(HEAD, "same"))));
  });
  one.proxy.route(port);
  two.proxy.route(port);
  const first = await one.proxy.connect();
  first.write(`GET /x HTTP/1.1\r\n${LAST}`);
  await until(() => held.length === 1, "the first request");
  const others = [one.ask(), two.ask(), two.ask(), one.ask()];
  await realClock.sleep(50);
  equal(held.length, 1);
  first.socket.resetAndDestroy();
  await until(() => held.length === 2, "one of the others");
  await realClock.sleep(50);
  equal(held.length, 2);
  held[1]?.();
  for (const { body } of await Promise.all(others)) equal(body, "same");
  equal(held.length, 2);
});

test("a change through one evicts in the other before its client hears of it, also what is on its way", async () => {
  let n = 0;
  let late: (() => void) | undefined;
  await using place = new Place();
  const [one, two] = await place.workers(({ line }) => answerOf(HEAD, line.startsWith("PUT") ? "put" : `body ${++n}`));
  await using _one = one;
  await using _two = two;
  for (let round = 1; round < 6; round++) {
    deepEqual([(await one.ask()).body, (await two.ask()).body], [`body ${round}`, `body ${round}`]);
    await (round % 2 === 0 ? one : two).ask("", "/x", "PUT");
  }
  const port = await one.proxy.listen((socket) => {
    socket.on("data", () => {
      late = () => socket.write(answerOf(HEAD, "old"));
    });
  });
  one.proxy.route(port);
  const asked = one.ask("", "/y");
  await until(() => late !== undefined, "the question");
  await two.ask("", "/y", "DELETE");
  late?.();
  equal((await asked).body, "old");
  doesNotMatch((await two.ask("", "/y")).status, /hit/);
});

/** Resolves when it is there. */
function keep(files: CommonFiles, key: string, more: object = {}): Promise<void> {
  const said = {
    route: "r",
    project: "p",
    uri: "a.example/x",
    mark: 0,
    status: 200,
    lines: "A: b\r\n",
    vary: [],
    varied: [],
  };
  const kept = {
    ...said,
    body: Buffer.alloc(0),
    madeMs: 1,
    freshUntilMs: 1000,
    renewUntilMs: 1000,
    errorUntilMs: 1000,
    ...more,
  };
  return new Promise((resolve) => files.save(key, kept, resolve));
}
