import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerView } from "@skerry/core/contract/api/container.ts";
import { containerPresentation } from "@skerry/core/contract/present/container.ts";
import { parse } from "yaml";
import { escapeJson, escapeLines, escapeText, plainText } from "./escape.ts";
import { formatJson } from "./output.ts";
import { progressLine } from "./progress.ts";
import { Table } from "./table.ts";
import { cutToWidth, padToWidth, textWidth } from "./width.ts";
import { formatYaml } from "./yaml.ts";

/** Every character that may steer a terminal or deceive, alone and in company. */
const HOSTILE = [
  ...Array.from({ length: 0x20 }, (_, i) => String.fromCharCode(i)),
  ...Array.from({ length: 0x21 }, (_, i) => String.fromCharCode(0x7f + i)),
  ..."\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff",
  "\u{e0001}",
  "\u{e0041}",
  "\ud800",
  "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
  "a\r\nb: c",
];
const DANGER =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]|\p{Cs}/u;

test("text for a terminal is free of what could steer it", () => {
  for (const text of HOSTILE) {
    assert.doesNotMatch(escapeText(text), DANGER);
    assert.doesNotMatch(escapeText(text), /\n/);
    assert.doesNotMatch(escapeLines(text), DANGER);
    assert.doesNotMatch(plainText(text), DANGER);
  }
  assert.equal(escapeText("\x1b[31m\n\t\u202e\u{e0041}é日👍"), "\\x1b[31m\\n\\t\\u202e\\u{e0041}é日👍");
  assert.equal(plainText("a\n\tb\x1b"), "a\n\tb\\x1b");
});

test("JSON and YAML are free of it too, and mean the same", () => {
  for (const text of HOSTILE) {
    const value = { [text]: [text, { deep: `${text} ${text}` }], plain: "a" };
    const json = formatJson(value);
    assert.doesNotMatch(json, DANGER);
    assert.deepEqual(JSON.parse(json), value);
    const yaml = formatYaml(value);
    assert.doesNotMatch(yaml, DANGER, JSON.stringify(text));
    // YAML has no lone surrogates.
    if (text.isWellFormed()) assert.deepEqual(parse(yaml), value, JSON.stringify(text));
  }
  assert.equal(escapeJson('"\u202e\u{e0001}"'), '"\\u202e\\udb40\\udc01"');
});

test("YAML of ordinary values is plain, and says a string where it would be read as something else", () => {
  const value = {
    a: "text",
    b: "true",
    c: "1.0",
    d: "null",
    e: "",
    f: "- x",
    g: "2026-08-01",
    h: "a: b",
    i: "multi\nline",
    j: null,
    k: [1, true],
  };
  assert.deepEqual(parse(formatYaml(value)), value);
  assert.match(formatYaml(value), /^a: text$/m);
});

test("width of what a terminal shows", () => {
  const cases: [text: string, width: number][] = [
    ["abc", 3],
    ["日本", 4],
    ["é", 1],
    ["e\u0301", 1],
    ["👍", 2],
    ["ｱ", 1],
    ["Ａ", 2],
    ["한", 2],
    ["…", 1],
  ];
  for (const [text, width] of cases) assert.equal(textWidth(text), width, text);
  assert.equal(cutToWidth("日本語", 6), "日本語");
  assert.equal(cutToWidth("日本語", 5), "日本…");
  assert.equal(cutToWidth("日本語", 4), "日…");
  assert.equal(padToWidth("日", 4, "left"), "日  ");
  assert.equal(padToWidth("7", 3, "right"), "  7");
});

test("a table fits every width, and never cuts a number while there is text to cut", () => {
  const columns = [
    { title: "NAME", cell: ({ name }: { name: string }) => name },
    { title: "SIZE", cell: () => "314572800", align: "right" as const },
    { title: "NOTE", cell: () => "日本語のとても長いテキスト and more" },
  ];
  const rows = [{ name: "a-name-that-is-quite-long" }, { name: "b" }];
  for (let maxWidth = 3; maxWidth <= 120; maxWidth++) {
    const lines = new Table({ columns }, { nowMs: 0, maxWidth }).part(rows).trimEnd().split("\n");
    for (const line of lines) assert.ok(textWidth(line) <= maxWidth, `${maxWidth}: ${line}`);
    const [told = "", ...others] = lines;
    assert.ok(!told.includes("SIZE") || others.every((line) => line.includes("314572800")), `${maxWidth}: ${lines}`);
    assert.ok(told.includes("SIZE") || maxWidth < 30, `${maxWidth}: ${told}`);
  }
  const whole = new Table({ columns }, { nowMs: 0 }).part(rows);
  assert.ok(!whole.includes("…"));
});

const CONTAINER = {
  meta: { name: "web", projectName: "alice", labels: { team: "web" }, createdAt: "1970-01-01T00:00:00.000Z" },
  spec: { image: "busybox:latest", publish: [{ port: 80, hostPort: 0 }], volumes: [], command: [] },
  status: {
    state: "exited",
    exitCode: 137,
    restarts: 3,
    address: "10.199.0.2",
    ports: { 80: "127.0.0.1:49153" },
    reason: "the engine could not start it: no room is left on the disk of this machine",
  },
};

/** What is seen of such containers. */
function containersAt(maxWidth: number, ...projects: readonly string[]): readonly string[] {
  const rows = projects.map((projectName) => ({ ...CONTAINER, meta: { ...CONTAINER.meta, projectName } }));
  const table = new Table(containerPresentation, { nowMs: 60_000, maxWidth });
  return table
    .part(rows as unknown as ContainerView[])
    .trimEnd()
    .split("\n");
}

test("containers at 80 columns: columns go before text is cut, and what is cut has one ellipsis", () => {
  for (let width = 10; width < 200; width++) {
    for (const line of containersAt(width, "alice")) {
      assert.ok(textWidth(line) <= width, line);
      assert.doesNotMatch(line, /…\s*…/, `${width}: ${line}`);
    }
  }
  const [titles = "", row = ""] = containersAt(80, "alice");
  assert.deepEqual(titles.split(/ +/), ["NAME", "STATE", "PORTS", "AGE", "REASON"]);
  assert.match(row, /^web +exited \(137\) +127\.0\.0\.1:49153->80 +1 min +the engine could not [^…]*…?$/);
});

test("two of one name in two projects are told apart, however little room there is", () => {
  for (const width of [60, 80, 100, 200]) {
    const [titles = "", first = "", second = ""] = containersAt(width, "alice", "bob");
    assert.match(titles, /^NAME +PROJECT /, `${width}`);
    assert.match(`${first}\n${second}`, /^web +alice .*\nweb +bob /, `${width}`);
  }
  assert.doesNotMatch(containersAt(80, "alice", "alice")[0] ?? "", /PROJECT/);
});

test("the progress line fits, and says rate and remaining time", () => {
  const state = { bytes: 150 * 2 ** 20, totalBytes: 300 * 2 ** 20, rate: 50 * 2 ** 20 };
  assert.equal(
    progressLine("photos.tar", state, 100),
    "photos.tar  ██████████░░░░░░░░░░  50 %  150 MiB of 300 MiB  50 MiB/s  3 s left",
  );
  assert.equal(progressLine("-", { ...state, totalBytes: undefined }, 100), "-  150 MiB  50 MiB/s");
  for (let width = 1; width < 100; width++) {
    assert.ok(textWidth(progressLine("日本語".repeat(20), state, width)) <= width, `${width}`);
  }
});
