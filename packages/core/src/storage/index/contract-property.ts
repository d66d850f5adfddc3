/** Random listings and batches against the model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IndexOp, ListObjectsOptions, ObjectCondition, ObjectIndex } from "../../domain/objects.ts";
import { ModelIndex } from "./model.ts";
import {
  createBucket,
  dropBucket,
  put,
  putKeys,
  refusal,
  remove,
  sampleChunk,
  sampleRecord,
  TIER_FULL,
} from "./samples.ts";

const LISTING_RUNS = TIER_FULL ? 2000 : 100;
const BATCH_RUNS = TIER_FULL ? 1000 : 60;

/** Few letters, so that prefixes and delimiters meet; the last ones differ in order between UTF-16 and UTF-8. */
const letters = [
  "a",
  "b",
  "/",
  "-",
  "\u0000",
  "\u007f",
  "\u00e9",
  "\ue000",
  "\uffff",
  "\u{10000}",
  "\u{1F600}",
  "\u{10ffff}",
];
const letter = fc.constantFrom(...letters);
const word = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(letter, { minLength, maxLength }).map((parts) => parts.join(""));
const keys = fc.uniqueArray(word(1, 6), { maxLength: 24, size: "max" });
const delimiter = fc.oneof(fc.constantFrom("", "/", "a", "//", "ab", "\u{1F600}", "\u{10ffff}"), word(1, 3));

/** Many common prefixes beside one another, a few keys between them, some of which are the prefix and the delimiter. */
const folders = fc
  .record({
    by: fc.constantFrom("/", "//", "a", "ab", "aa", "\u00e9", "\u0000", "\u{1F600}", "\u{10ffff}", "\uffff\u{10ffff}"),
    root: word(0, 2),
    // More of them than a driver may look at one by one.
    parts: fc.array(fc.tuple(word(0, 3), fc.nat({ max: 12 }), word(0, 1)), { maxLength: 60, size: "max" }),
  })
  .map(({ by, root, parts }) => {
    const names = parts.map(([name, kind, rest]) => {
      const start = kind === 1 ? "\u{10ffff}" : root; // a few come after all that begin with the root
      return start + name + (kind === 0 ? "" : by) + rest;
    });
    return { by, root, keys: [...new Set(names)].filter((name) => name !== "") };
  });

export function describeProperties(get: () => ObjectIndex): void {
  test("random listings, with every page size, show what the model shows", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(keys, word(0, 3), delimiter, fc.option(word(0, 4)), async (all, prefix, by, after) => {
        const bucket = `listing-${runs++}`;
        const model = new ModelIndex();
        await get().batch([createBucket(bucket)]);
        model.batch([createBucket(bucket)]);
        model.batch((await putKeys(get(), bucket, all)).map((record) => put(record)));
        const options = { bucket, prefix, delimiter: by, ...(after === null ? {} : { after }) };
        assert.deepEqual(await get().list(options), model.list(options));
        for (let limit = 1; limit <= all.length; limit += 1) await walk(get(), model, { ...options, limit });
      }),
      { numRuns: LISTING_RUNS },
    );
  });

  test("random folders, one after another, from every place, show what the model shows", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(folders, fc.boolean(), async ({ by, root, keys: all }, wide) => {
        const bucket = `folders-${runs++}`;
        const model = new ModelIndex();
        const metadata = { flag: wide ? "\u{1F600}" : "\u00e9" };
        const puts = all.map((one) => put(sampleRecord(bucket, one, { metadata })));
        for (const ops of [[createBucket(bucket)], puts]) {
          await get().batch(ops);
          model.batch(ops);
        }
        for (const prefix of ["", root, root + by]) {
          const options = { bucket, prefix, delimiter: by };
          const { objects, prefixes } = model.list(options);
          for (const limit of [5, 13, 1000]) await walk(get(), model, { ...options, limit });
          const places = [...prefixes, ...objects.map((object) => object.key), ...all];
          for (const after of places.filter((_, at) => at % 7 === 0))
            assert.deepEqual(await get().list({ ...options, after }), model.list({ ...options, after }));
        }
      }),
      { numRuns: LISTING_RUNS / 2 },
    );
  });

  test("random batches leave what the model holds", async () => {
    let runs = 0;
    let start = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12, size: "max" }), async (batches) => {
        const run = `batch-${runs++}`;
        const model = new ModelIndex();
        start = await lastCursor(get(), start);
        for (const steps of batches) {
          const ops = steps.map((one) => one(run, model));
          assert.equal(await refusal(get().batch(ops)), model.batch(ops), JSON.stringify(ops));
        }
        await compare(get(), model, run, start);
      }),
      { numRuns: BATCH_RUNS },
    );
  });
}

/** Follows `next` to the end; each page must be the model's. */
async function walk(index: ObjectIndex, model: ModelIndex, options: ListObjectsOptions): Promise<void> {
  for (let after = options.after; ; ) {
    const here = { ...options, ...(after === undefined ? {} : { after }) };
    const page = await index.list(here);
    assert.deepEqual(page, model.list(here), JSON.stringify(here));
    if (page.next === undefined) return;
    after = page.next;
  }
}

type Step = (run: string, model: ModelIndex) => IndexOp;

const bucketName = fc.constantFrom("x", "y");
const key = fc.constantFrom("a", "b", "a/b");
const etag = fc.constantFrom("e1", "e2");
const tags = fc.option(fc.oneof(fc.constant("*" as const), fc.array(etag, { maxLength: 2 })), { nil: undefined });
const condition: fc.Arbitrary<ObjectCondition> = fc.record({ ifMatch: tags, ifNoneMatch: tags }).map((given) => ({
  ...(given.ifMatch === undefined ? {} : { ifMatch: given.ifMatch }),
  ...(given.ifNoneMatch === undefined ? {} : { ifNoneMatch: given.ifNoneMatch }),
}));
const sometimes = fc.option(condition, { nil: undefined, freq: 1 });
const nth = fc.nat({ max: 9 });

function chunkAt(model: ModelIndex, at: number): string {
  const chunks = model.chunks();
  return chunks[at % Math.max(1, chunks.length)]?.id ?? sampleChunk().id;
}

/** Chunks by their place among those that the model knows when the batch is made, so that steps meet. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: bucketName.map(
      (name): Step =>
        (run) =>
          createBucket(`${run}-${name}`),
    ),
  },
  {
    weight: 1,
    arbitrary: bucketName.map(
      (name): Step =>
        (run) =>
          dropBucket(`${run}-${name}`),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(bucketName, key, etag, fc.nat({ max: 3 }), sometimes, fc.nat({ max: 30 }), nth).map(
      ([name, at, tag, count, when, reuse, which]): Step =>
        (run, model) => {
          const chunks = Array.from({ length: count }, () => sampleChunk());
          if (reuse === 0) chunks.push(sampleChunk({ id: chunkAt(model, which) }));
          return put(sampleRecord(`${run}-${name}`, at, { etag: tag, sizeBytes: count, chunks }), when);
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(bucketName, key, sometimes).map(
      ([name, at, when]): Step =>
        (run) =>
          remove(`${run}-${name}`, at, when),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(nth, fc.constantFrom(1, 2)).map(
      ([at, generation]): Step =>
        (_, model) => ({ op: "set-replicas", chunk: chunkAt(model, at), generation, replicas: ["disk-z"] }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.array(nth, { maxLength: 3 }).map(
      (places): Step =>
        (_, model) => ({ op: "forget-garbage", chunks: places.map((at) => chunkAt(model, at)) }),
    ),
  },
);

async function lastCursor(index: ObjectIndex, from: number): Promise<number> {
  let cursor = from;
  for (let page = await index.changes(from, 1000); page.length > 0; page = await index.changes(cursor, 1000))
    cursor = page.at(-1)?.cursor as number;
  return cursor;
}

async function compare(index: ObjectIndex, model: ModelIndex, run: string, start: number): Promise<void> {
  for (const bucket of [`${run}-x`, `${run}-y`]) {
    assert.deepEqual(await index.list({ bucket }), model.list({ bucket }));
    const objects = model.objects.filter((object) => object.bucket === bucket);
    const { garbageChunks: _, ...totals } = await index.totals(bucket);
    const sizeBytes = objects.reduce((sum, object) => sum + object.sizeBytes, 0);
    assert.deepEqual(totals, { buckets: model.buckets.includes(bucket) ? 1 : 0, objects: objects.length, sizeBytes });
    for (const name of ["a", "b", "a/b"]) assert.deepEqual(await index.get(bucket, name), model.get(bucket, name));
  }
  for (const chunk of model.chunks()) assert.deepEqual(await index.chunk(chunk.id), chunk);
  const garbage = await index.garbage(1000);
  assert.equal((await index.totals()).garbageChunks, garbage.length);
  const ids = model.garbage.map((chunk) => chunk.id);
  assert.deepEqual(
    garbage.filter((chunk) => ids.includes(chunk.id)),
    model.garbage,
  );
  await index.batch([{ op: "forget-garbage", chunks: garbage.map((chunk) => chunk.id) }]);
  const changes = await index.changes(start, 1000);
  assert.deepEqual(
    changes,
    model.changes.map((change, at) => ({ cursor: start + at + 1, ...change })),
  );
}
