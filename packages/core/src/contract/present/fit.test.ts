import assert from "node:assert/strict";
import { test } from "node:test";
import { type FitColumn, fitTable } from "./fit.ts";

const none = (_: number) => false;

/** `NAME 4, STATE 6`: what is shown of these columns in so much room. */
function shown(
  columns: readonly FitColumn[],
  maxWidth: number,
  leaveOut: readonly string[] = [],
  stays = none,
): string {
  const fits = fitTable(columns, { leaveOut, gap: 2, maxWidth, stays });
  return fits.map(({ place, width }) => `${columns[place]?.title} ${width}`).join(", ");
}

const NAME = { title: "NAME", width: 10, whole: true };
const IMAGE = { title: "IMAGE", width: 20 };
const SIZE = { title: "SIZE", width: 9, align: "right" } as const;
const REASON = { title: "REASON", width: 50, enough: 12 };

test("what is longer than what is enough is cut first, then columns go in their order, then text is cut", () => {
  const all = [NAME, IMAGE, SIZE, REASON];
  const leaveOut = ["SIZE"];
  assert.equal(shown(all, 95, leaveOut), "NAME 10, IMAGE 20, SIZE 9, REASON 50");
  assert.equal(shown(all, 94, leaveOut), "NAME 10, IMAGE 20, SIZE 9, REASON 49");
  assert.equal(shown(all, 57, leaveOut), "NAME 10, IMAGE 20, SIZE 9, REASON 12");
  assert.equal(shown(all, 56, leaveOut), "NAME 10, IMAGE 20, REASON 22");
  assert.equal(shown(all, 46, leaveOut), "NAME 10, IMAGE 20, REASON 12");
  assert.equal(shown(all, 45, leaveOut), "NAME 10, IMAGE 19, REASON 12");
  assert.equal(shown(all, 26, leaveOut), "NAME 10, IMAGE 6, REASON 6");
  assert.equal(shown(all, 25, leaveOut), "NAME 10, IMAGE 13");
});

test("a name, an address and a number are cut after all else, and only where nothing else is left", () => {
  const url = { title: "URL", width: 40, whole: true };
  for (let maxWidth = 1; maxWidth < 100; maxWidth++) {
    const fits = fitTable([NAME, url, IMAGE, SIZE], { leaveOut: [], gap: 2, maxWidth, stays: none });
    const cut = fits.filter(({ place, width }) => place !== 2 && width < ([10, 40, 20, 9][place] ?? 0));
    assert.ok(cut.length === 0 || fits.length === 1, `${maxWidth}: ${JSON.stringify(fits)}`);
  }
  assert.equal(shown([NAME, url, IMAGE, SIZE], 60), "NAME 10, URL 40, IMAGE 6");
  assert.equal(shown([NAME, url], 30), "NAME 10");
  assert.equal(shown([NAME, url], 7), "NAME 7");
});

test("what must be seen stays, and all of it fits", () => {
  const stays = (place: number) => place === 1;
  assert.equal(shown([NAME, IMAGE, SIZE], 18, ["IMAGE", "SIZE"], stays), "NAME 10, IMAGE 6");
  for (let maxWidth = 4; maxWidth < 60; maxWidth++) {
    const fits = fitTable([NAME, IMAGE, SIZE, REASON], { leaveOut: ["IMAGE"], gap: 2, maxWidth, stays });
    const taken = fits.reduce((sum, { width }) => sum + width, 2 * (fits.length - 1));
    assert.ok(taken <= maxWidth && fits.some(({ place }) => place === 1), `${maxWidth}: ${JSON.stringify(fits)}`);
  }
});
