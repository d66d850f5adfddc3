/** Random sequences of everything a store can do, against the model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError } from "../domain/errors.ts";
import type { Op, Selector, Store, Transaction, WatchEvent } from "../domain/store.ts";
import { Model } from "./contract-model.ts";
import type { StoreSite } from "./contract-site.ts";

/** Among them a prefix of another, one outside the BMP and one that JavaScript would sort behind it. */
const KEYS = ["/a", "/a/1", "/a/2", "/a/10", "/b/x", "/b/y", "/c/\u{1f600}", "/c/\uff41", "/c/z", "0"];
const PREFIXES = ["", "/", "/a", "/a/", "/b/", "/c/", "/d"];

const key = fc.constantFrom(...KEYS);
const prefix = fc.constantFrom(...PREFIXES);
const value = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom("", "text", null, true),
  fc.jsonValue({ maxDepth: 3, noUnicodeString: false }),
);
const labels = fc.dictionary(fc.constantFrom("app", "tier"), fc.constantFrom("web", "db"), {
  maxKeys: 2,
  noNullPrototype: true,
});
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("put" as const), key, value, labels }) as fc.Arbitrary<Op> },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("delete-prefix" as const), prefix }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("get" as const), key }) },
);
const ops = fc.array(op, { maxLength: 4 }).map(writeOnce);
const compare = fc.oneof(
  fc.record({ key, modRevision: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ key, version: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ key, value: fc.integer({ min: 0, max: 3 }) }),
);
const transaction: fc.Arbitrary<Transaction> = fc.record({
  compare: fc.array(compare, { maxLength: 2 }),
  then: ops,
  otherwise: ops,
});
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant([]),
  fc.constant([{ key: "app", in: ["web"] }]),
  fc.constant([{ key: "app", notIn: ["web"] }]),
  fc.constant([{ key: "tier", exists: true }]),
  fc.constant([
    { key: "tier", exists: false },
    { key: "app", exists: true },
  ]),
);
/** A place in the history, as a part of it. */
const place = fc.double({ min: 0, max: 1, noNaN: true });

type Command =
  | { readonly do: "transact"; readonly transactions: readonly Transaction[] }
  | { readonly do: "get"; readonly key: string; readonly place: number }
  | {
      readonly do: "list";
      readonly prefix: string;
      readonly place: number;
      readonly selector: Selector;
      readonly limit: number;
    }
  | { readonly do: "watch"; readonly prefix: string; readonly place: number }
  | { readonly do: "compact"; readonly place: number }
  | { readonly do: "reopen" };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    // Several at once share a group commit.
    arbitrary: fc.record({
      do: fc.constant("transact" as const),
      transactions: fc.array(transaction, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("get" as const), key, place }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("list" as const),
      prefix,
      place,
      selector,
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("watch" as const), prefix, place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);

export function checkProperties(name: string, newSite: () => Promise<StoreSite>, cases: number): void {
  test(`${name}: does what the model does, in ${cases} random histories`, async (t) => {
    let commands = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25, size: "max" }), async (history) => {
        await using site = await newSite();
        let store = await site.open();
        const model = new Model();
        const live = follow(store);
        let whole = true;
        try {
          for (const one of history) {
            commands++;
            // Closing ends a watch and compaction may, if it is behind at that moment.
            if (one.do === "reopen" || one.do === "compact") whole = false;
            if (one.do === "reopen") {
              await store[Symbol.asyncDispose]();
              store = await site.open();
              assert.equal(store.revision, model.revision);
            } else await run(one, store, model);
          }
          await compareAll(store, model);
          if (whole) await live.caughtUp(model.revision);
          const last = whole ? model.revision + 1 : (live.events.at(-1)?.revision ?? 0);
          assertEvents(
            live.events.filter((event) => event.revision < last),
            model,
            "",
            1,
            last - 1,
          );
        } finally {
          await store[Symbol.asyncDispose]();
        }
      }),
      { numRuns: cases, ...(process.env["SKERRY_TEST_SEED"] ? { seed: Number(process.env["SKERRY_TEST_SEED"]) } : {}) },
    );
    t.diagnostic(`${name}: ${cases} histories with ${commands} commands`);
  });
}

async function run(one: Exclude<Command, { do: "reopen" }>, store: Store, model: Model): Promise<void> {
  switch (one.do) {
    case "transact": {
      const answers = await Promise.all(one.transactions.map((each) => store.transact(each)));
      for (const [i, each] of one.transactions.entries()) assert.deepEqual(answers[i], model.transact(each));
      assert.equal(store.revision, model.revision);
      return;
    }
    case "get": {
      const revision = Math.round(one.place * model.revision);
      if (await refusedAsCompacted(model, revision, () => store.get(one.key, { revision }))) return;
      assert.deepEqual(await store.get(one.key, { revision }), model.at(revision).get(one.key));
      return;
    }
    case "list": {
      const revision = Math.round(one.place * model.revision);
      const options = { prefix: one.prefix, selector: one.selector, limit: one.limit, revision };
      if (await refusedAsCompacted(model, revision, () => store.list(options))) return;
      const found = [];
      for (let after: string | undefined; ; ) {
        const page = await store.list({ ...options, ...(after === undefined ? {} : { after }) });
        assert.ok(page.entries.length <= one.limit);
        found.push(...page.entries);
        after = page.next;
        if (after === undefined) break;
      }
      assert.deepEqual(found, model.list(one.prefix, revision, one.selector));
      return;
    }
    case "watch": {
      const from = 1 + Math.round(one.place * model.revision);
      const watch = collect(store, one.prefix, from, model.revision);
      if (from < model.oldest) await assert.rejects(watch, (error) => isError(error, "conflict/compacted"));
      else assertEvents(await watch, model, one.prefix, from, model.revision);
      return;
    }
    case "compact": {
      const revision = Math.round(one.place * model.revision);
      if (await refusedAsCompacted(model, revision, () => store.compact(revision))) return;
      await store.compact(revision);
      // Revision 0 is the empty store: there is nothing before revision 1 to forget.
      if (revision > 1) model.oldest = Math.max(model.oldest, revision);
    }
  }
}

async function refusedAsCompacted(model: Model, revision: number, ask: () => Promise<unknown>): Promise<boolean> {
  if (revision >= model.oldest) return false;
  await assert.rejects(ask(), (error) => isError(error, "conflict/compacted"));
  return true;
}

async function compareAll(store: Store, model: Model): Promise<void> {
  for (let revision = model.oldest; revision <= model.revision; revision++) {
    const page = await store.list({ prefix: "", revision });
    assert.deepEqual(page.entries, model.list("", revision, []), `revision ${revision}`);
  }
}

type Change = Exclude<WatchEvent, { type: "progress" }>;

/** What a watch from `from` sees up to a revision that is there already. */
async function collect(store: Store, prefix: string, from: number, until: number): Promise<Change[]> {
  const events: Change[] = [];
  for await (const event of store.watch({ prefix, from, progressMs: 3_600_000 })) {
    if (event.type !== "progress") events.push(event);
    else if (event.revision >= until) break;
  }
  return events;
}

/** Watches everything from the beginning while the history runs. */
function follow(store: Store) {
  const events: Change[] = [];
  const seen = (async () => {
    for await (const event of store.watch({ prefix: "", from: 1 })) if (event.type !== "progress") events.push(event);
  })().catch((error: unknown) => assert.ok(isError(error, "conflict/compacted"), String(error)));
  return {
    events,
    async caughtUp(revision: number) {
      for (let turn = 0; turn < 100_000 && (events.at(-1)?.revision ?? 0) < revision; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      // The rest of the last transaction.
      await new Promise((resolve) => setImmediate(resolve));
    },
    seen,
  };
}

function assertEvents(events: readonly Change[], model: Model, prefix: string, from: number, until: number): void {
  const seen = events.map((event) => {
    const name = event.type === "put" ? event.entry.key : event.key;
    assert.deepEqual(event.previous, model.at(event.revision - 1).get(name));
    if (event.type === "put") assert.deepEqual(event.entry, model.at(event.revision).get(name));
    return { type: event.type, revision: event.revision, key: name };
  });
  const revisions = seen.map((event) => event.revision);
  assert.deepEqual(
    revisions,
    revisions.toSorted((a, b) => a - b),
  );
  const order = (a: { revision: number; key: string }, b: { revision: number; key: string }) =>
    a.revision - b.revision || (a.key < b.key ? -1 : 1);
  assert.deepEqual(
    seen.toSorted(order),
    model
      .events(prefix, from)
      .filter((event) => event.revision <= until)
      .toSorted(order),
  );
}

/** The product refuses to write a key twice; what the generator made is brought into that form. */
function writeOnce(list: readonly Op[]): Op[] {
  const kept: Op[] = [];
  for (const each of list) {
    const clash = kept.some((other) => other.op !== "get" && each.op !== "get" && overlaps(other, each));
    if (!clash) kept.push(each);
  }
  return kept;
}

function overlaps(a: Op, b: Op): boolean {
  const name = (one: Op) => (one.op === "delete-prefix" ? one.prefix : one.key);
  if (a.op === "delete-prefix" && name(b).startsWith(a.prefix)) return true;
  if (b.op === "delete-prefix" && name(a).startsWith(b.prefix)) return true;
  return name(a) === name(b);
}
