import { equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LayeredMap } from "./layered-map.ts";

test("each of a row of maps keeps what it had, whenever layers are merged", () => {
  const key = fc.integer({ min: 0, max: 60 }).map(String);
  const changes = fc.array(fc.tuple(key, fc.option(fc.nat(), { nil: undefined })), { maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.array(changes, { maxLength: 20 }), (filled, rows) => {
      const first = new Map<string, number | undefined>(Array.from({ length: filled }, (_, i) => [String(i), i]));
      const maps = [LayeredMap.empty<number>().with(first)];
      const models = [first];
      for (const row of rows) {
        maps.push((maps.at(-1) as LayeredMap<number>).with(new Map(row)));
        models.push(new Map([...(models.at(-1) as typeof first), ...row]));
      }
      for (const [i, map] of maps.entries()) {
        for (let at = 0; at <= 60; at++) equal(map.get(String(at)), models[i]?.get(String(at)), `${i}: ${at}`);
      }
    }),
  );
});
