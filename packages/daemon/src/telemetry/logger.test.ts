import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { LogDestination } from "./log-destination.ts";
import { createLogger, type DaemonLogger, type LoggerOptions } from "./logger.ts";
import { createRequestLog } from "./request-log.ts";

/** Keeps lines; drops them while `failing` is set. */
class Kept implements LogDestination {
  readonly lines: string[] = [];
  failing: string | undefined;
  droppedLines = 0;
  lastFailure: string | undefined;
  write(line: string): boolean {
    assert.match(line, /^[^\n].*\n$/s);
    this.lastFailure = this.failing ?? this.lastFailure;
    if (this.failing === undefined) this.lines.push(line);
    else this.droppedLines++;
    return this.failing === undefined;
  }
  reopen(): void {}
  close(): void {}
}

function collecting(options: Partial<LoggerOptions> = {}): { log: DaemonLogger; kept: Kept; last: () => string } {
  const kept = new Kept();
  const log = createLogger({ format: "json", level: "debug", destination: kept, ...options });
  return { log, kept, last: () => kept.lines.at(-1) ?? assert.fail("nothing was written") };
}

/** What the fields become in JSON. */
function told(fields: Record<string, unknown>): Record<string, unknown> {
  const { log, last } = collecting();
  log.info(fields, "m");
  const { level, time, msg, ...rest } = JSON.parse(last()) as Record<string, unknown>;
  assert.deepEqual([level, msg], ["info", "m"]);
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

describe("levels, children and format", () => {
  test("apply at once to the logger and all its children", () => {
    const { log, kept } = collecting({ level: "warn" });
    const child = log.child({ part: "store" }).child({ chunk: 7 });
    child.info({}, "no");
    child.warn({ more: true }, "yes");
    log.setLevel("debug");
    child.debug({}, "now");
    log.setLevel("error");
    child.warn({}, "no");
    const lines = kept.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ time, ...rest }) => rest),
      [
        { level: "warn", part: "store", chunk: 7, more: true, msg: "yes" },
        { level: "debug", part: "store", chunk: 7, msg: "now" },
      ],
    );
    log.setFormat("pretty");
    child.error({}, "for people");
    assert.match(kept.lines[2] ?? "", /^\d\d:\d\d:\d\d\.\d{3} ERROR for people {2}part=store chunk=7\n$/);
  });

  test("a field cannot take the place of level, time or message, and a message is no format", () => {
    assert.deepEqual(told({ level: "x", time: 1, msg: "y" }), { level_: "x", time_: 1, msg_: "y" });
    const { log, last } = collecting();
    log.info({}, "100 %s %d %j %%");
    assert.equal(JSON.parse(last()).msg, "100 %s %d %j %%");
  });
});

describe("secrets", () => {
  test("are taken out by the name of the field at any depth, in any spelling, and in children and errors", () => {
    const names = ["password", "secret", "token", "authorization", "secretHash", "passwordHash"];
    const spellings = ["newPassword", "Authorization", "secret_hash", "SET-COOKIE", "api_key", "accessToken", "tokens"];
    for (const name of [...names, ...spellings]) {
      const hidden = { [name]: "hunter2hunter2" };
      const deep = {
        a: hidden,
        b: { c: hidden, list: [hidden, { d: hidden }] },
        map: new Map([[name, "hunter2hunter2"]]),
      };
      const { log, kept } = collecting();
      log.child({ ...hidden, deep }).info({ ...hidden, deep }, "m");
      log.error({ error: Object.assign(new Error("e"), hidden, { cause: { headers: hidden } }) }, "m");
      const text = kept.lines.join("");
      assert.doesNotMatch(text, /hunter2/, name);
      assert.match(text, /\[redacted\]/);
    }
    assert.deepEqual(told({ tokens: 3, tokenUid: "u", passwords: 2 }), { tokens: 3, tokenUid: "u", passwords: 2 });
  });

  test("are taken out by their shape wherever they stand", () => {
    const token = "sky_abcdefghijklmnop_0123456789";
    const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2g";
    for (const format of ["json", "pretty"] as const) {
      const { log, kept } = collecting({ format });
      const url = "http://bob:hunter2@example.com/x";
      const error = new SkerryError("internal", `failed with ${token}`, {
        cause: new Error(`Bearer ${token} ${hash}`),
      });
      log.info(
        { [token]: 1, text: `got ${token}.`, list: [hash], url: new URL(url), header: "bearer abcdefgh12" },
        `see ${url}`,
      );
      log.error({ error }, token);
      const text = kept.lines.join("");
      for (const secret of ["0123456789", "aGFzaGhhc2g", "hunter2", "abcdefgh12"])
        assert.ok(!text.includes(secret), secret);
      assert.ok(text.includes("http://bob:[redacted]@example.com/x"));
    }
    assert.deepEqual(told({ url: "http://h:80/a@b", mail: "a:b@c" }), { url: "http://h:80/a@b", mail: "a:b@c" });
  });
});

describe("any value", () => {
  test("becomes plain", () => {
    const values = { n: Number.NaN, b: 12n, d: new Date(0), u: undefined, f: () => 1, s: new Set([1]), x: null };
    assert.deepEqual(told(values), { n: "NaN", b: "12", d: "1970-01-01T00:00:00.000Z", s: [1], x: null });
    assert.deepEqual(told({ buffer: Buffer.from("content of a user") }), { buffer: "[17 bytes]" });
    const odd = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as Record<string, unknown>;
    assert.deepEqual(Object.keys(told({ odd })["odd"] as object).sort(), ["__proto__", "constructor"]);
  });

  test("errors come with code, reason, causes and those within", () => {
    const root = Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
    const error = new SkerryError("exhausted/disk", "The disk is full.", { cause: new AggregateError([root], "two") });
    const { name, message, code, reason, cause, stack } = told({ error })["error"] as Record<string, unknown>;
    assert.deepEqual([name, message, code, reason], ["SkerryError", "The disk is full.", "exhausted", "disk"]);
    assert.match(String(stack), /logger\.test\.ts/);
    const { errors } = cause as { errors: { code: string; syscall: string }[] };
    assert.deepEqual([errors[0]?.code, errors[0]?.syscall], ["ENOSPC", "write"]);
  });

  test("can neither break nor flood the log", () => {
    const cycle: Record<string, unknown> = { name: "c" };
    cycle["self"] = cycle;
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, "v"]));
    const bush = (depth: number): unknown => (depth === 0 ? 1 : Array.from({ length: 20 }, () => bush(depth - 1)));
    const loop = new Error("loop");
    loop.cause = loop;
    const bad = new Proxy({}, { ownKeys: () => assert.fail("trap") });
    const getter = Object.defineProperty({ fine: 1 }, "bad", { get: () => assert.fail("getter"), enumerable: true });
    for (const format of ["json", "pretty"] as const) {
      const { log, kept } = collecting({ format });
      const cases = [
        { cycle },
        { wide },
        { bush: bush(4) },
        { loop },
        { bad },
        bad,
        { getter },
        { long: "x".repeat(1e6) },
      ];
      for (const fields of [...cases, { many: Array(63).fill("y".repeat(5000)) }]) log.info(fields, "m");
      log.info({}, "z".repeat(1e6));
      log.info(undefined as unknown as Record<string, unknown>, undefined as unknown as string);
      assert.equal(kept.lines.length, cases.length + 3);
      for (const line of kept.lines) assert.ok(line.length <= LIMITS.log.maxLineBytes * 2, line.slice(0, 100));
    }
    const list = told({ list: Array(100).fill(0) })["list"] as unknown[];
    assert.equal(list.length, LIMITS.log.maxEntries + 1);
    assert.equal(list.at(-1), "... 36 more");
    assert.deepEqual(told({ getter })["getter"], { fine: 1, bad: "[unreadable]" });
  });
});

describe("control characters", () => {
  const attack = "a\u001b[31mred\u001b]0;title\u0007\r\nfake line\u0000\u009b31m\u202egnp.exe\u2028\u007f\ud800";

  test("do not come out, in values, keys, messages, stacks and children, in both formats", () => {
    for (const format of ["json", "pretty"] as const) {
      const { log, kept } = collecting({ format });
      const error = new Error(attack);
      error.stack = `Error: ${attack}\n    at ${attack}`;
      log.child({ [attack]: attack }).error({ [attack]: attack, error, list: [attack], o: { [attack]: 1 } }, attack);
      const text = kept.lines.join("").slice(0, -1);
      assert.doesNotMatch(text, /[^\P{Cc}\n]|[\u202e\u2028]|\p{Cs}/u, format);
      assert.ok(text.includes("fake line"));
      if (format === "json") assert.ok(!text.includes("\n"));
      // Below the line itself only the lines of the stack, indented.
      else for (const line of text.split("\n").slice(1)) assert.match(line, /^ {4}/);
    }
  });

  test("our own colours are the only ones, and only when asked for", () => {
    const { log, last } = collecting({ format: "pretty", color: true });
    log.info({ key: attack }, attack);
    const escapes = last().split("\u001b").slice(1);
    assert.ok(escapes.length > 0);
    for (const each of escapes) assert.match(each, /^\[(?:2|22|32|39)m/);
  });
});

test("dropped lines are counted, and told once when writing works again", () => {
  const { log, kept } = collecting();
  log.info({}, "before");
  kept.failing = "ENOSPC";
  for (let index = 0; index < 5; index++) log.info({ index }, "lost");
  kept.failing = undefined;
  log.info({}, "after");
  log.info({}, "more");
  assert.equal(log.droppedLines, 5);
  const lines = kept.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ["before", "after", "log lines were dropped", "more"],
  );
  assert.deepEqual([lines[2]?.["level"], lines[2]?.["lines"], lines[2]?.["code"]], ["warn", 5, "ENOSPC"]);
});

test("a request is one line with its facts; the cause comes when the fault is ours", () => {
  const { log, kept } = collecting();
  const write = createRequestLog(log);
  const request = { id: "r-1", principal: "ann", route: "bucket.get", method: "GET", status: 200, durationMs: 1.2345 };
  const more = { bytesIn: 0, bytesOut: 512, remote: "unix" };
  const cause = new Error("the disk said no");
  write({ ...request, ...more });
  write({ ...request, ...more, status: 404, error: { code: "not_found", cause } });
  write({ ...request, ...more, status: 507, error: { code: "exhausted", reason: "disk", cause } });
  const [ok, missing, full] = kept.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const { time, level, msg, ...facts } = ok ?? {};
  assert.deepEqual({ ...facts, level, msg }, { ...request, ...more, durationMs: 1.2, level: "info", msg: "request" });
  assert.deepEqual([missing?.["level"], missing?.["code"], missing?.["cause"]], ["info", "not_found", undefined]);
  assert.deepEqual([full?.["level"], full?.["code"], full?.["reason"]], ["error", "exhausted", "disk"]);
  assert.match(JSON.stringify(full?.["cause"]), /"message":"the disk said no"/);
});
