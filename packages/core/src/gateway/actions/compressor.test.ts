/** What one answer takes while its reader waits. */
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { Compressor } from "./compressor.ts";
import type { FilterHost } from "./filter.ts";

test("a body that is kept anyway is not copied for each who reads it slowly", () => {
  const host: FilterHost = {
    onFiltered: () => false,
    onFilterDrain: () => undefined,
    onFilterEnd: () => undefined,
    onFilterError: () => undefined,
  };
  const body = Buffer.alloc(16 * 1024 * 1024, "skerry ");
  const before = process.memoryUsage().arrayBuffers;
  const all = Array.from({ length: 8 }, () => new Compressor(host, { encoding: "gzip" }, false, () => undefined));
  for (const one of all) one.give(body);
  const more = process.memoryUsage().arrayBuffers - before;
  for (const one of all) one.close();
  ok(more < 8 * 1024 * 1024, `${more} bytes more`);
});
