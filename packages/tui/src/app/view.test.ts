import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { textWidth } from "@skerry/core/contract/present/width.ts";
import { fitLine } from "../components/line.ts";
import { drawTable } from "../components/table.ts";
import { callOf, defineScreen } from "../screens/screen.ts";
import { FakeDaemon, Stream, until } from "../testing/fake-daemon.ts";
import { View } from "./view.ts";

interface Item {
  readonly id: string;
  readonly sizeBytes: number;
}

const COUNT = 20_000;
let drawn = 0;

const screen = defineScreen<Item>({
  id: "item",
  title: "Items",
  presentation: {
    kind: "item",
    nameOf: ({ id }) => id,
    columns: [
      {
        title: "NAME",
        cell: ({ id }) => {
          drawn++;
          return id;
        },
      },
      { title: "SIZE", cell: ({ sizeBytes }) => `${sizeBytes} B`, align: "right", order: ({ sizeBytes }) => sizeBytes },
    ],
  },
  source: { kind: "watch", call: callOf(bucketRoutes.list) },
  idOf: ({ id }) => id,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "",
  keys: [],
});

async function open(count: number): Promise<{ view: View; stream: Stream }> {
  const stream = new Stream();
  const items = Array.from({ length: count }, (_, i) => ({ id: `n${i}`, sizeBytes: (i * 7919) % count }));
  const daemon = new FakeDaemon((target) =>
    target.includes("watch=1") ? { stream } : { json: { items, revision: 1 } },
  );
  const view = new View(screen, daemon.client, () => 0);
  await until("listed", () => view.rows.length === count);
  view.settle(20);
  return { view, stream };
}

function chosenId(view: View): string {
  return (view.chosen as unknown as Item).id;
}

test("thousands of rows: what is seen is laid out, no more", async () => {
  const { view } = await open(COUNT);
  using _ = view;
  view.to(Number.MAX_SAFE_INTEGER);
  assert.deepEqual([view.cursor, view.top], [COUNT - 1, COUNT - 20]);
  drawn = 0;
  const lines = drawTable(
    {
      columns: screen.presentation.columns,
      rows: view.rows,
      top: view.top,
      cursor: view.cursor,
      nowMs: 0,
      stale: false,
      leaveOut: [],
      widest: view.widestAt(40),
      toneOf: undefined,
    },
    40,
    21,
  );
  assert.equal(lines.length, 21);
  assert.ok(drawn <= 21, `${drawn} cells of a column were made`);
  for (const line of lines) assert.ok(textWidth(line.map(({ text }) => text).join("")) <= 40);
});

test("the chosen one stays chosen and in sight while others come, go, and are sorted", async () => {
  const { view, stream } = await open(100);
  using _ = view;
  view.to(50);
  const chosen = chosenId(view);
  const change = async (what: string, holds: () => boolean) => {
    await until(what, holds);
    view.settle(20);
    assert.equal(chosenId(view), chosen, what);
    assert.ok(view.cursor >= view.top && view.cursor < view.top + 20, `${what}: in sight`);
  };
  for (let i = 0; i < 30; i++) stream.send("put", `2.${i}`, { id: `a${i}`, sizeBytes: i });
  await change("thirty before it", () => view.rows.length === 130);
  stream.send("delete", "3.1", { id: "n0", sizeBytes: 0 });
  await change("one before it goes", () => view.rows.length === 129);
  view.sortNext();
  view.sortNext();
  await change("sorted by size", () => view.sort?.column === 1);
  const sizes = view.rows.map((row) => (row as unknown as Item).sizeBytes);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
    "as numbers, not as text",
  );
  view.sortReverse();
  await change("the other way round", () => view.sort?.descending === true);
  view.choose({ filter: chosen.toUpperCase() });
  await change("filtered", () => view.rows.length < 20);
  stream.send("delete", "4.1", view.chosen);
  await until("it goes itself", () => view.rows.length === 0);
  view.settle(20);
  assert.equal(view.chosen, undefined);
});

test("columns hold their widths while one scrolls, and give them back when what was wide is so no more", async () => {
  const { view, stream } = await open(100);
  using _ = view;
  const { columns } = screen.presentation;
  const head = (width = 60) => {
    view.settle(20);
    const { rows, top, cursor } = view;
    const table = { columns, rows, top, cursor, nowMs: 0, stale: false, leaveOut: [], widest: view.widestAt(width) };
    const [line = []] = drawTable(table, width, 21);
    return line.map(({ text }) => text).join("");
  };
  const narrow = head();
  stream.send("put", "2.1", { id: "n5", sizeBytes: 10 ** 9 });
  await until("it is seen", () => head() !== narrow);
  const wide = head();
  view.to(Number.MAX_SAFE_INTEGER);
  assert.equal(head(), wide, "scrolled away from it");
  view.to(0);
  assert.equal(head(), wide, "and back");
  stream.send("put", "2.2", { id: "n5", sizeBytes: 1 });
  await until("an event", () => head() === narrow);
  stream.send("put", "2.3", { id: "n5", sizeBytes: 10 ** 9 });
  await until("wide again", () => head() === wide);
  view.choose({ filter: "n7" });
  assert.equal(head(), narrow, "a filter");
  view.choose({ filter: "" });
  assert.equal(head(), wide);
  view.to(Number.MAX_SAFE_INTEGER);
  assert.equal(head(61), narrow, "another width");
});

test("a line is as wide as it must be, whatever is in it", () => {
  for (const text of ["", "abc", "日本語のとても長い名前", "a日b本c", "e\u0301e\u0301e\u0301"]) {
    for (let width = 0; width < 30; width++) {
      const line = fitLine([{ text }, { text: "x" }], width);
      assert.equal(textWidth(line.map((piece) => piece.text).join("")), width, `${text} in ${width}`);
    }
  }
});

test("where there is little room columns go, the least important first, before text is cut", () => {
  const column = (title: string) => ({ title, cell: () => title.toLowerCase().repeat(2) });
  const columns = ["NAME", "STATE", "IMAGE", "LABELS"].map(column);
  const view = { columns, rows: [1], top: 0, cursor: 0, nowMs: 0, stale: false, toneOf: undefined };
  const titles = (width: number, sort?: { column: number; descending: boolean }) =>
    drawTable({ ...view, leaveOut: ["LABELS", "IMAGE"], widest: [], sort }, width, 2)[0]
      ?.map(({ text }) => text.trim().replace(/ +/g, " "))
      .join("");
  assert.equal(titles(60), "NAME STATE IMAGE LABELS");
  assert.equal(titles(40), "NAME STATE IMAGE");
  assert.equal(titles(30), "NAME STATE");
  assert.equal(titles(40, { column: 3, descending: false }), "NAME STATE LABELS ↑");
  assert.equal(titles(18), "NAME STATE", "then text is cut");
  const project = { title: "PROJECT", cell: (row: string) => row, apart: true };
  const head = (rows: readonly string[]) => {
    const table = { ...view, columns: [...columns, project], rows, leaveOut: ["LABELS", "PROJECT", "IMAGE"] };
    const [line = []] = drawTable({ ...table, widest: [] }, 30, 2);
    return line.map(({ text }) => text.trim().replace(/ +/g, " ")).join("");
  };
  assert.equal(head(["alice", "alice"]), "NAME STATE", "all are of the same project");
  assert.equal(head(["alice", "bob"]), "NAME STATE PROJECT", "one is not, which is not seen");
});

test("what was searched for begins with the first of what is found, unless the chosen one is among it", async () => {
  const { view } = await open(100);
  using _ = view;
  view.move(40);
  view.choose({ filter: "n4" });
  assert.equal(chosenId(view), "n40");
  view.choose({ filter: "n5" });
  assert.deepEqual([chosenId(view), view.cursor, view.top], ["n5", 0, 0]);
});
