/** Listings by example. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../domain/limits.ts";
import type { ListObjectsOptions, ObjectIndex } from "../../domain/objects.ts";
import { putKeys, refuses } from "./samples.ts";

export function describeListings(get: () => ObjectIndex, fresh: () => Promise<string>): void {
  /** Objects, then prefixes with a slash, then `next`. */
  const names = async (options: ListObjectsOptions): Promise<[string[], readonly string[], string | undefined]> => {
    const page = await get().list(options);
    return [page.objects.map((object) => object.key), page.prefixes, page.next];
  };

  test("keys are listed in the order of their UTF-8 bytes", async () => {
    const bucket = await fresh();
    const ordered = [
      "\u0000",
      "A",
      "a",
      "a\u0000",
      "a/b",
      "ab",
      "\u00e9",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{1F600}",
    ];
    await putKeys(get(), bucket, [...ordered].reverse());
    await putKeys(get(), await fresh(), ["b", "c"]);
    assert.deepEqual(await names({ bucket }), [ordered, [], undefined]);
    assert.deepEqual(await names({ bucket, prefix: "a" }), [["a", "a\u0000", "a/b", "ab"], [], undefined]);
    assert.deepEqual(await names({ bucket, after: "ab", limit: 2 }), [["\u00e9", "\ue000"], [], "\ue000"]);
    assert.deepEqual(await names({ bucket, after: "\u{1F600}" }), [[], [], undefined]);
    assert.deepEqual(await names({ bucket: "no-bucket" }), [[], [], undefined]);
  });

  test("a listed object says all but its chunks", async () => {
    const bucket = await fresh();
    const [record] = await putKeys(get(), bucket, ["k"]);
    const { chunks: _, ...info } = record ?? { chunks: [] };
    assert.deepEqual((await get().list({ bucket })).objects, [info]);
  });

  test("keys that share a common prefix are listed as one", async () => {
    const bucket = await fresh();
    await putKeys(get(), bucket, ["a", "b/", "b/1", "b/2/3", "b/2/4", "c", "d//e", "d/f"]);
    const delimiter = "/";
    assert.deepEqual(await names({ bucket, delimiter }), [["a", "c"], ["b/", "d/"], undefined]);
    assert.deepEqual(await names({ bucket, delimiter, prefix: "b/" }), [["b/", "b/1"], ["b/2/"], undefined]);
    assert.deepEqual(await names({ bucket, delimiter, prefix: "b" }), [[], ["b/"], undefined]);
    assert.deepEqual(await names({ bucket, delimiter, prefix: "d/" }), [["d/f"], ["d//"], undefined]);
    assert.deepEqual(await names({ bucket, delimiter: "//" }), [
      ["a", "b/", "b/1", "b/2/3", "b/2/4", "c", "d/f"],
      ["d//"],
      undefined,
    ]);
    assert.deepEqual(await names({ bucket, delimiter: "" }), await names({ bucket }));
  });

  test("after a common prefix comes what is not under it; after a key under it the prefix is listed again", async () => {
    const bucket = await fresh();
    await putKeys(get(), bucket, ["a/1", "a/2", "b"]);
    assert.deepEqual(await names({ bucket, delimiter: "/", after: "a/" }), [["b"], [], undefined]);
    assert.deepEqual(await names({ bucket, delimiter: "/", after: "a/1" }), [["b"], ["a/"], undefined]);
    assert.deepEqual(await names({ bucket, delimiter: "/", after: "a/2" }), [["b"], [], undefined]);
    assert.deepEqual(await names({ bucket, after: "a/" }), [["a/1", "a/2", "b"], [], undefined]);
    assert.deepEqual(await names({ bucket, prefix: "b", after: "a/" }), [["b"], [], undefined]);
  });

  test("a page holds no more than its limit and says how it goes on", async () => {
    const bucket = await fresh();
    await putKeys(get(), bucket, ["a/1", "a/2", "b", "c/1"]);
    assert.deepEqual(await names({ bucket, delimiter: "/", limit: 1 }), [[], ["a/"], "a/"]);
    assert.deepEqual(await names({ bucket, delimiter: "/", limit: 2 }), [["b"], ["a/"], "b"]);
    assert.deepEqual(await names({ bucket, delimiter: "/", limit: 3 }), [["b"], ["a/", "c/"], undefined]);
    for (const limit of [0, -1, 1.5, Number.NaN]) await refuses(get().list({ bucket, limit }), "invalid");
    await refuses(get().list({ bucket, prefix: "\ud800" }), "invalid");
    const most = LIMITS.objects.maxPageEntries;
    const many = Array.from({ length: most + 1 }, (_, at) => `many/${String(at).padStart(5, "0")}`);
    await putKeys(get(), bucket, many);
    const page = await get().list({ bucket, prefix: "many/", limit: most + 5 });
    assert.deepEqual([page.objects.length, page.next], [most, many[most - 1]]);
  });
}
