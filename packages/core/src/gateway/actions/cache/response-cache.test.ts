/** What is kept, and what it takes. */
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type Kept, ResponseCache } from "./response-cache.ts";

test("what is kept counts with what was asked for", () => {
  const cache = new ResponseCache({ maxCacheBytes: 100_000, maxCacheEntries: 1000, maxCacheVariants: 8 });
  const long = "a".repeat(8000);
  for (let n = 0; n < 100; n++) {
    const kept: Kept = {
      ...{ route: "r", project: "p", mark: 0, uri: `${n}/${long}`, status: 404, lines: "", body: Buffer.alloc(0) },
      ...{ vary: ["x"], varied: [`${long}${n}`], madeMs: 0, freshUntilMs: 1, renewUntilMs: 1, errorUntilMs: 1 },
    };
    cache.put(`${n}/${long}`, kept);
  }
  ok(cache.count <= 4, `${cache.count}`);
  ok(cache.bytes <= 100_000);
  cache.purge("r");
  equal(cache.bytes, 0);
});
