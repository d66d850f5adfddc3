/**
 * Traces the system calls of the real daemon: what is acknowledged was synced before the answer left. (A killed process
 * keeps the page cache, so killing shows nothing of this.)
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { startDaemonProcess } from "../src/testing/daemon-process.ts";

/** One finished system call, in the order in which they ended. */
interface Call {
  readonly name: string;
  /** Path or socket behind the descriptor. */
  readonly on: string;
  readonly text: string;
}

let directory: string;
let calls: Call[];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-sync-"));
  const trace = join(directory, "trace");
  const data = join(directory, "data");
  {
    const syscalls = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendmsg,rename,renameat,renameat2";
    const wrap = ["strace", "-f", "-y", "-s", "48", "-e", syscalls, "-o", trace];
    // Through io_uring libuv would sync without a system call of its own.
    await using daemon = await startDaemonProcess({ data, wrap, env: { UV_USE_IO_URING: "0" } });
    const client = daemon.client(await daemon.login());
    await client.call(userRoutes.create, { body: { name: "amy" } });
    await client.call(bucketRoutes.create, { body: { name: "box" } });
    const bytes = (async function* () {
      yield randomBytes(200_000);
    })();
    await client.upload(objectRoutes.put, { params: { bucket: "box", key: "key" }, bytes });
    await daemon.kill("SIGTERM");
  }
  calls = parseTrace(await readFile(trace, "utf8"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** Calls of several threads interleave: one that is unfinished counts when it is resumed. */
function parseTrace(text: string): Call[] {
  const started = new Map<string, string>();
  const result: Call[] = [];
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      started.set(pid, rest);
      continue;
    }
    const whole = rest.startsWith("<... ") ? `${started.get(pid) ?? ""} ${rest}` : rest;
    const call = /^(\w+)\((?:AT_FDCWD<[^>]*>, )?(?:\d+<([^>]*)>|"([^"]*)")/.exec(whole);
    if (call === null || / = -1 /.test(whole)) continue;
    result.push({ name: call[1] ?? "", on: call[2] ?? call[3] ?? "", text: whole });
  }
  return result;
}

/** Index of the answer to the n-th request that was answered with 201 (1: login, 2: user, 3: bucket, 4: object). */
function answer(n: number): number {
  const answers = calls.flatMap(({ name, text }, i) =>
    /^(write|writev|sendmsg)$/.test(name) && text.includes("HTTP/1.1 201") ? [i] : [],
  );
  assert.equal(answers.length, 4, "four answers with 201");
  return answers[n - 1] as number;
}

/** Indexes of calls of this kind on paths like this, between two points. */
function find(names: RegExp, path: RegExp, from: number, to: number): number[] {
  return calls.flatMap((call, i) => (i > from && i < to && names.test(call.name) && path.test(call.on) ? [i] : []));
}

describe("synced before the answer", () => {
  test("a user: the store's log is written, then synced, then answered", () => {
    const written = find(/write/, /store\/store\.db$/, answer(1), answer(2));
    const synced = find(/^f(data)?sync$/, /store\/store\.db$/, answer(1), answer(2));
    assert.ok(written.length > 0 && synced.length > 0);
    assert.ok((synced.at(-1) as number) > (written.at(-1) as number), "a sync after the last write");
  });

  test("an object: data and directory of at least two replicas, then the index, then the answer", () => {
    const [from, to] = [answer(3), answer(4)];
    const index = find(/^f(data)?sync$/, /index\.sqlite-wal$/, from, to);
    assert.ok(index.length > 0, "the index was synced before the answer");
    const commit = index.at(-1) as number;
    const written = find(/write/, /index\.sqlite-wal$/, from, to);
    assert.ok(written.length > 0 && (written.at(-1) as number) < commit, "and not written after");
    let durable = 0;
    for (const server of ["s1", "s2", "s3"]) {
      const file = new RegExp(`storage/${server}/staging/[0-9a-f]{32}`);
      const data = find(/^f(data)?sync$/, file, from, commit);
      const writes = find(/write/, file, from, to);
      const names = find(/^f(data)?sync$/, new RegExp(`storage/${server}/staging$`), from, commit);
      const whole = writes.length > 0 && data.length > 0 && (data.at(-1) as number) > (writes.at(-1) as number);
      if (whole && names.some((i) => i > (data[0] as number) || i > from)) durable++;
    }
    assert.ok(durable >= 2, `${durable} replicas were durable before the commit`);
  });
});
