import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAge,
  formatBrief,
  formatBytes,
  formatCommand,
  formatDuration,
  formatExpiry,
  formatLabels,
  formatTime,
} from "./values.ts";

test("a command reads as it would be typed", () => {
  const cases: [readonly string[], string][] = [
    [[], "-"],
    [["httpd", "-f"], "httpd -f"],
    [["sh", "-c", "echo 'a b'; exit"], "sh -c 'echo '\\''a b'\\''; exit'"],
    [["a", ""], "a ''"],
  ];
  for (const [words, text] of cases) assert.equal(formatCommand(words), text);
});

test("bytes have three digits and a unit that never overflows", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [10 * 1024, "10 KiB"],
    [100 * 1024, "100 KiB"],
    [1023 * 1024, "1 MiB"],
    [300 * 1024 * 1024, "300 MiB"],
    [5 * 1024 ** 4, "5 TiB"],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text, `${bytes}`);
});

test("a reason in a row is its first sentence, and no more than a row has room for", () => {
  assert.equal(formatBrief("it ended with exit code 3"), "it ended with exit code 3");
  assert.equal(formatBrief("The engine does not answer. Is it running?"), "The engine does not answer");
  assert.equal(formatBrief("down: the container is stopped"), "down: the container is stopped");
  const long = formatBrief(`The port 8000 of 127.0.0.1 is ${"very ".repeat(20)}taken`);
  assert.ok(long.length <= 60 && long.endsWith("…"), long);
});

test("durations show the two largest units", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [59.4, "59 s"],
    [60, "1 min"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [3660, "1 h 1 min"],
    [86_400 + 5, "1 d"],
    [90_000, "1 d 1 h"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text, `${seconds}`);
});

test("ages and expiries", () => {
  const now = Date.parse("2026-08-02T12:00:00Z");
  assert.equal(formatAge("2026-08-02T11:59:30Z", now), "30 s");
  assert.equal(formatAge("2026-08-01T10:00:00Z", now), "1 d");
  assert.equal(formatAge(undefined, now), "-");
  assert.equal(formatAge("2026-08-02T12:00:30Z", now), "0 s", "a clock that is behind");
  assert.equal(formatExpiry(undefined, now), "never");
  assert.equal(formatExpiry("2026-08-02T11:00:00Z", now), "expired");
  const ahead: [seconds: number, text: string][] = [
    [2 * 86_400, "in 2 d"],
    [30 * 86_400 - 5, "in 30 d"],
    [86_400 - 5, "in 1 d"],
    [36 * 3600 - 1, "in 1 d"],
    [36 * 3600 + 1, "in 2 d"],
    [23 * 3600, "in 23 h"],
    [3599, "in 1 h"],
    [59 * 60, "in 59 min"],
    [45, "in 45 s"],
    [0.2, "in 1 s"],
    [365 * 86_400 - 60, "in 1 y"],
  ];
  for (const [seconds, text] of ahead)
    assert.equal(formatExpiry(new Date(now + seconds * 1000).toISOString(), now), text, `${seconds}`);
});

test("times and labels", () => {
  assert.equal(formatTime("2026-08-02T10:15:30.123Z"), "2026-08-02 10:15:30Z");
  assert.equal(formatTime("tomorrow"), "tomorrow");
  assert.equal(formatLabels({ b: "2", a: "1" }), "a=1,b=2");
  assert.equal(formatLabels({}), "-");
});
