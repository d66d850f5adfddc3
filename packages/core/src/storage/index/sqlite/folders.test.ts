import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { createBucket, put, sampleRecord } from "../samples.ts";
import { toWire } from "./faults.ts";
import { type FolderScan, Folders } from "./folders.ts";
import { Lookups } from "./lookups.ts";
import { openReadOnly } from "./schema.ts";
import { makeSite, type Site } from "./site.ts";

const SCAN: FolderScan = { bucket: 1, prefix: "", delimiter: "/", after: "a/", limit: 10 };
const FOLDERS = ["a/", "b/", "\u00e9/", "\uffff/"];

/** Three objects in each folder; the versions say which is which. */
async function filled(t: TestContext, folders = FOLDERS): Promise<Site> {
  const site = makeSite(t);
  await using index = await site.open();
  const keys = folders.flatMap((folder) => ["1", "2", "3"].map((name) => [folder, name] as const));
  const records = keys.map(([folder, name]) => sampleRecord("b", folder + name, { version: `${folder} ${name}` }));
  await index.batch([createBucket("b"), ...records.map((record) => put(record))]);
  return site;
}

/** The folders, or the id of the error. */
function foldersOf(site: Site, scan: FolderScan, lookups?: Lookups): unknown {
  const db = openReadOnly(site.path("index.sqlite"));
  try {
    return new Folders(db, lookups ?? new Lookups(db)).following(scan);
  } catch (error) {
    return toWire(error).id;
  } finally {
    db.close();
  }
}

function flip(site: Site, text: string): void {
  const bytes = readFileSync(site.path("index.sqlite"));
  const at = bytes.indexOf(text);
  assert.ok(at >= 0, text);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(site.path("index.sqlite"), bytes);
}

describe("the common prefixes of a listing", () => {
  test("ordinary rows are checked without a look at their columns", async (t) => {
    const never = (): never => assert.fail("a row was looked at column by column");
    const lookups = { verifyBefore: never, objectFrom: never } as unknown as Lookups;
    const site = await filled(t);
    assert.deepEqual(foldersOf(site, SCAN, lookups), FOLDERS.slice(1));
    assert.deepEqual(foldersOf(site, { ...SCAN, limit: 2 }, lookups), FOLDERS.slice(1, 3));
    assert.deepEqual(foldersOf(site, { ...SCAN, prefix: "b", after: "b/" }, lookups), []);
  });

  test("rows that SQLite reads otherwise than JavaScript are right too", async (t) => {
    const folders = ["a/", "b\u0000/", "c/", "\u{1F600}/"];
    assert.deepEqual(foldersOf(await filled(t, folders), SCAN), folders.slice(1));
  });

  test("a flipped byte beside a seek is found, one that is never read is not", async (t) => {
    const cases = [
      ["b/ 1", "internal/corrupt"],
      ["b/ 2", FOLDERS.slice(1)],
      ["a/ 3", "internal/corrupt"],
    ] as const;
    for (const [version, expected] of cases) {
      const site = await filled(t);
      flip(site, version);
      assert.deepEqual(foldersOf(site, SCAN), expected, version);
    }
  });
});
