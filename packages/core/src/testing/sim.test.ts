import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimRandom } from "./sim-random.ts";

test("a seed replays and other seeds differ", () => {
  const once = createSimRandom(7);
  const again = createSimRandom(7);
  assert.deepEqual(once.bytes(29), again.bytes(29));
  assert.equal(once.fraction(), again.fraction());
  assert.notDeepEqual(createSimRandom(8).bytes(16), createSimRandom(7).bytes(16));
});

test("numbers are spread over their range", () => {
  const random = createSimRandom(1);
  const seen = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i += 1) {
    const at = random.below(10);
    seen[at] = (seen[at] ?? 0) + 1;
  }
  for (const count of seen) assert.ok(count > 800 && count < 1200, `counts ${seen.join(" ")}`);
});
