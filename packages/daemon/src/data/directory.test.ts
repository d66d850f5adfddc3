import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { isUid } from "@skerry/core/domain/resource.ts";
import { type DataDirectoryOptions, lockDataDirectory, openDataDirectory } from "./directory.ts";
import { dataFailure } from "./failure.ts";

const version = "0.1.0";
const scratch = mkdtempSync(join(tmpdir(), "skerry-data-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(scratch, `d${++count}`);

/** A directory that exists, with this mode. */
function made(mode = 0o700): string {
  const path = fresh();
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

async function refused(path: string, options: Partial<DataDirectoryOptions> = {}): Promise<SkerryError> {
  const error = await openDataDirectory(path, { version, ...options }).then(
    () => assert.fail(`${path} was accepted`),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof SkerryError, String(error));
  assert.ok(error.hint, "says what to do");
  return error;
}

describe("a new directory", () => {
  test("is made with its parents, for the owner alone, and is the same cloud after a restart", async () => {
    const path = join(fresh(), "deep", "data");
    let cluster: string;
    {
      await using data = await openDataDirectory(path, { version });
      cluster = data.cluster;
      assert.ok(isUid(cluster) && data.created);
      for (const place of [path, join(path, ".."), data.runDirectory]) {
        assert.equal(lstatSync(place).mode & 0o777, 0o700, place);
      }
      for (const file of [data.clusterFile, data.lockFile, data.pidFile]) {
        assert.equal(lstatSync(file).mode & 0o777, 0o600, file);
      }
      assert.equal(readFileSync(data.pidFile, "latin1"), `${process.pid}\n`);
      const content = JSON.parse(readFileSync(data.clusterFile, "utf8"));
      assert.deepEqual(content, { format: 1, cluster, createdAt: data.createdAt, skerry: version, populated: false });
    }
    assert.deepEqual(readdirSync(join(path, "run")), []);
    await using again = await openDataDirectory(`${path}/`, { version: "9.9.9" });
    assert.equal(again.cluster, cluster);
    assert.equal(again.created, false);
    assert.equal(again.path, path);
  });

  test("is one for all that begin it at once", async () => {
    const path = join(fresh(), "a", "b");
    const opened = await Promise.allSettled([1, 2, 3].map(() => openDataDirectory(path, { version })));
    const won = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    assert.equal(won.length, 1);
    for (const each of opened) assert.ok(each.status === "fulfilled" || each.reason.is("conflict/locked"));
    await won[0]?.[Symbol.asyncDispose]();
  });

  test("may be there and empty, or hold only what a start that was cut off left", async () => {
    const path = made();
    mkdirSync(join(path, "lost+found"));
    mkdirSync(join(path, "log"));
    mkdirSync(join(path, "run"));
    writeFileSync(join(path, "lock"), "");
    writeFileSync(join(path, "cluster.json.new"), `{"format": 1, "clus${" ".repeat(4000)}`);
    await using data = await openDataDirectory(path, { version });
    assert.ok(data.created);
    assert.equal(JSON.parse(readFileSync(data.clusterFile, "utf8")).cluster, data.cluster);
    assert.ok(!readdirSync(path).includes("cluster.json.new"));
  });

  test("is not made for a command that needs one", async () => {
    const path = fresh();
    assert.equal((await refused(path, { create: false })).code, "not_found");
    assert.ok(!readdirSync(scratch).includes(path.slice(path.lastIndexOf("/") + 1)));
    const empty = made();
    assert.equal((await refused(empty, { create: false })).code, "not_found");
    assert.deepEqual(readdirSync(empty), []);
    await (await openDataDirectory(empty, { version }))[Symbol.asyncDispose]();
    await using data = await openDataDirectory(empty, { version, create: false });
    assert.equal(data.created, false);
  });
});

describe("refused, and left as it was", () => {
  test("a symbolic link, also with a slash behind", async () => {
    const link = fresh();
    symlinkSync(made(), link);
    for (const path of [link, `${link}/`]) {
      const error = await refused(path);
      assert.equal(error.code, "invalid");
      assert.match(error.message, /symbolic link/);
    }
    const dangling = fresh();
    symlinkSync("/nowhere", dangling);
    assert.match((await refused(dangling)).message, /symbolic link/);
    assert.equal((await refused(join(dangling, "below"))).code, "invalid");
  });

  test("a file", async () => {
    const path = fresh();
    writeFileSync(path, "");
    assert.match((await refused(path)).message, /is not a directory/);
    assert.equal((await refused(join(path, "below"))).code, "invalid");
  });

  test("a directory that others may reach", async () => {
    for (const mode of [0o750, 0o705, 0o701, 0o770, 0o777]) {
      const path = made(mode);
      const error = await refused(path);
      assert.equal(error.code, "forbidden", mode.toString(8));
      assert.equal(error.hint, `chmod 700 ${path}`);
      assert.deepEqual(readdirSync(path), []);
    }
  });

  test("a directory of another user", async () => {
    const path = made();
    const error = await refused(path, { ownerUid: (process.geteuid?.() ?? 0) + 1 });
    assert.equal(error.code, "forbidden");
    assert.match(error.message, /belongs to the user with uid \d+, and this process runs as uid \d+/);
  });

  test("somebody else's files", async () => {
    const path = made();
    for (const name of ["holiday.jpg", "b", "c", "\u001b[31md", "e"]) writeFileSync(join(path, name), "x");
    const error = await refused(path);
    assert.ok(error.is("conflict/not-empty"));
    assert.match(error.message, /and 2 more/);
    assert.doesNotMatch(error.message, /\u001b/);
    assert.equal(readdirSync(path).length, 5);
  });

  test("our data whose cluster.json is gone", async () => {
    const path = made();
    mkdirSync(join(path, "store"));
    const error = await refused(path);
    assert.ok(error.is("internal/corrupt"));
    assert.match(error.message, /cluster\.json is gone/);
    assert.deepEqual(readdirSync(path), ["store"]);
  });

  test("a directory of a newer version", async () => {
    const path = made();
    const text = JSON.stringify({ format: 2, skerry: "3.0.0", clusters: ["other", "shape"] });
    writeFileSync(join(path, "cluster.json"), text);
    const error = await refused(path);
    assert.ok(error.is("unsupported/version"));
    assert.match(error.message, /format 2, made by Skerry "3\.0\.0"/);
    assert.deepEqual(readdirSync(path), ["cluster.json"]);
    assert.equal(readFileSync(join(path, "cluster.json"), "utf8"), text);
  });

  test("a damaged cluster.json, which stays as it is", async () => {
    const good = { format: 1, cluster: "a".repeat(26), createdAt: "2026-01-01T00:00:00Z", skerry: "0.1.0" };
    const bad = ["", "{", "null", "[]", "7", "{}", "\0\0\0\0", `${JSON.stringify(good)}x`];
    for (const change of [{ format: "1" }, { format: 0 }, { format: 1.5 }, { cluster: "A" }, { skerry: 1 }]) {
      bad.push(JSON.stringify({ ...good, ...change }));
    }
    for (const text of bad) {
      const path = made();
      writeFileSync(join(path, "cluster.json"), text);
      assert.ok((await refused(path)).is("internal/corrupt"), text);
      assert.equal(readFileSync(join(path, "cluster.json"), "utf8"), text);
      assert.deepEqual(readdirSync(path), ["cluster.json"]);
    }
  });

  test("a path too long for the socket in it, with the length that would do", async () => {
    const base = join(scratch, "x");
    const long = base.padEnd(95, "x");
    const error = await refused(long);
    assert.equal(error.code, "invalid");
    const most = Number(/at most (\d+) bytes/.exec(error.hint ?? "")?.[1]);
    assert.equal(most, 107 - "/run/api.sock".length);
    await using data = await openDataDirectory(base.padEnd(most, "x"), { version });
    assert.equal(Buffer.byteLength(data.socketPath), 107);
    assert.equal((await refused(base.padEnd(most - 1, "x").concat("\u00e9"))).code, "invalid", "bytes are counted");
  });

  test("a lock file that is not ours, and what is no socket in the socket's place", async () => {
    const path = made();
    writeFileSync(join(path, "lock"), "this is somebody's text file".repeat(100));
    const error = await refused(path);
    assert.ok(error.is("internal/corrupt"));
    assert.match(error.hint ?? "", /rm .*lock/);
    const other = made();
    mkdirSync(join(other, "run"));
    writeFileSync(join(other, "run", "api.sock"), "precious");
    assert.ok((await refused(other)).is("conflict/exists"));
    assert.equal(readFileSync(join(other, "run", "api.sock"), "utf8"), "precious");
  });
});

describe("what the system refuses", () => {
  test("is told by its cause, with the way out", () => {
    const failure = (code: string) => dataFailure(Object.assign(new Error(code), { code }), "/d");
    const expected: Record<string, string> = {
      EROFS: "unavailable",
      EACCES: "forbidden",
      EPERM: "forbidden",
      ENOSPC: "exhausted/disk",
      EDQUOT: "exhausted/disk",
      ENOTDIR: "invalid",
      ENAMETOOLONG: "invalid",
      EIO: "unavailable",
    };
    for (const [code, id] of Object.entries(expected)) {
      const error = failure(code);
      assert.ok(error.is(id as "unavailable"), `${code} is ${error.code}`);
      assert.match(error.message, /\/d/);
      assert.ok(error.hint);
    }
    assert.match(failure("EROFS").message, /read-only file system/);
  });

  test("a real read-only file system, where mounting is allowed", async (context) => {
    const path = made();
    await (await openDataDirectory(path, { version }))[Symbol.asyncDispose]();
    const script = `import { openDataDirectory } from ${JSON.stringify(new URL("./directory.ts", import.meta.url).href)};
      for (const path of process.argv.slice(1)) {
        await openDataDirectory(path, { version: "0.1.0" }).then(() => console.log("opened"), (e) => console.log(e.code + ": " + e.message));
      }`;
    const node = [process.execPath, "--conditions=source", "--input-type=module", "-e", script, path, `${path}/new`];
    const shell = `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`;
    const run = spawnSync("unshare", ["-m", "sh", "-c", shell, path, ...node], { encoding: "utf8", timeout: 60_000 });
    if (run.status !== 0) {
      context.diagnostic(`no mount here, told by code only: ${run.stderr}`);
      return;
    }
    assert.match(run.stdout, /^(unavailable: .* read-only file system\.\n){2}$/);
  });
});

test("a lock that is undone takes away what it made itself, and nothing that came before it was held", async () => {
  const path = fresh();
  const locked = await lockDataDirectory(path);
  writeFileSync(join(path, "half"), "x");
  await locked.undo();
  await locked[Symbol.asyncDispose]();
  assert.ok(!existsSync(path));
  {
    await using _ = await openDataDirectory(path, { version });
  }
  const kept = readdirSync(path).sort();
  const again = await lockDataDirectory(path);
  await again.undo();
  await again[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(path).sort(), kept);
});
