import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { isError } from "@skerry/core/domain/errors.ts";
import { LogFile } from "./log-file.ts";
import { createLogger } from "./logger.ts";

const scratch = mkdtempSync(join(tmpdir(), "skerry-log-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
function folder(): string {
  const path = join(scratch, `l${++count}`);
  mkdirSync(path);
  return path;
}

const numbers = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.slice(5)));

describe("rotation", () => {
  test("by size: whole lines, the newest files kept, 0600, nothing lost in between", () => {
    const path = join(folder(), "deep", "x.log");
    const file = new LogFile({ path, maxBytes: 1000, maxFiles: 4 });
    for (let index = 100; index < 500; index++) assert.ok(file.write(`line ${index}\n`));
    file.close();
    const files = [`${path}.3`, `${path}.2`, `${path}.1`, path];
    assert.deepEqual(readdirSync(join(path, "..")).sort(), ["x.log", "x.log.1", "x.log.2", "x.log.3"]);
    const kept = files.flatMap(numbers);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, index) => 500 - kept.length + index),
    );
    assert.ok(kept.length > 300);
    for (const each of files) {
      assert.ok(statSync(each).size <= 1000);
      assert.equal(statSync(each).mode & 0o777, 0o600);
    }
  });

  test("goes on from the size of a file that is there, and takes its rights away from others", () => {
    const path = join(folder(), "x.log");
    writeFileSync(path, "line 1\n".repeat(100));
    chmodSync(path, 0o644);
    const file = new LogFile({ path, maxBytes: 705, maxFiles: 2 });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    file.write("line 2\n");
    file.close();
    assert.deepEqual(numbers(path), [2]);
    assert.equal(numbers(`${path}.1`).length, 100);
  });

  test("that the directory forbids keeps the newest lines and the bound", () => {
    const path = join(folder(), "x.log");
    // A directory in the way of FILE.1: even root cannot rename over it.
    mkdirSync(`${path}.1`);
    const file = new LogFile({ path, maxBytes: 100, maxFiles: 2 });
    for (let index = 100; index < 200; index++) assert.ok(file.write(`line ${index}\n`));
    file.close();
    assert.ok(statSync(path).size <= 100);
    assert.equal(numbers(path).at(-1), 199);
    assert.equal(file.lastFailure, "EISDIR");
  });

  test("by others: on reopen the file comes again under its name", () => {
    const path = join(folder(), "x.log");
    const log = createLogger({ format: "json", level: "info", file: path });
    log.info({}, "one");
    renameSync(path, `${path}.old`);
    log.info({}, "two");
    log.reopen();
    log.info({}, "three");
    assert.match(readFileSync(`${path}.old`, "utf8"), /one.*\n.*two/);
    assert.match(readFileSync(path, "utf8"), /^[^\n]*three[^\n]*\n$/);
    rmSync(path);
    mkdirSync(path);
    log.reopen();
    log.info({}, "still written to the old file");
    assert.equal(log.droppedLines, 0);
    log[Symbol.dispose]();
  });
});

test("what is no place for a log is refused with the reason, and a pipe does not block", () => {
  const place = folder();
  symlinkSync("/etc/passwd", join(place, "link"));
  execFileSync("mkfifo", [join(place, "pipe")]);
  writeFileSync(join(place, "file"), "");
  const cases = { link: /symbolic link/, pipe: /not a regular file/, ".": /directory/, "file/x": /cannot be opened/ };
  for (const [name, message] of Object.entries(cases)) {
    assert.throws(
      () => createLogger({ format: "json", level: "info", file: join(place, name) }),
      (error) => isError(error, "invalid") && message.test(error.message) && /--log-file/.test(error.hint ?? ""),
      name,
    );
  }
});

describe("a full disk", () => {
  test("drops and counts lines and stops nobody", () => {
    const log = createLogger({ format: "json", level: "info", file: "/dev/full" });
    for (let index = 0; index < 100; index++) log.info({ index }, "lost");
    assert.equal(log.droppedLines, 100);
    log[Symbol.dispose]();
  });

  test("leaves whole lines, and the log goes on when there is room, where mounting is allowed", (context) => {
    const place = folder();
    const script = `
      import { readFileSync, rmSync, writeFileSync } from "node:fs";
      import { createLogger } from ${JSON.stringify(new URL("./logger.ts", import.meta.url).href)};
      const place = process.argv[1];
      writeFileSync(place + "/filler", Buffer.alloc(60_000));
      const log = createLogger({ format: "json", level: "info", file: place + "/x.log" });
      for (let i = 0; i < 100; i++) log.info({ i, pad: "p".repeat(i * 9) }, "line");
      const full = log.droppedLines;
      rmSync(place + "/filler");
      for (let i = 100; i < 110; i++) log.info({ i }, "line");
      const lines = readFileSync(place + "/x.log", "utf8").trimEnd().split("\\n").map((line) => JSON.parse(line));
      console.log(JSON.stringify({ full, after: log.droppedLines, lines: lines.length, told: lines.filter((l) => l.code === "ENOSPC").map((l) => l.lines) }));`;
    const node = [process.execPath, "--conditions=source", "--input-type=module", "-e", script, place];
    const shell = `mount -t tmpfs -o size=80k tmpfs "$0" && exec "$@"`;
    const run = spawnSync("unshare", ["-m", "sh", "-c", shell, place, ...node], { encoding: "utf8", timeout: 60_000 });
    if (run.status !== 0) {
      assert.match(run.stderr, /unshare|mount/, run.stderr);
      context.diagnostic(`no mount here: ${run.stderr}`);
      return;
    }
    const { full, after, lines, told } = JSON.parse(run.stdout);
    assert.ok(full > 10 && full < 100, `${full} dropped`);
    assert.equal(after, full);
    assert.equal(lines, 100 - full + 10 + told.length);
    assert.equal(
      told.reduce((sum: number, each: number) => sum + each, 0),
      full,
    );
  });
});
