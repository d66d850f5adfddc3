import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "@node-rs/argon2";
import { isError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { createCollectingMetrics } from "../testing/sim-telemetry.ts";
import { assertPassword, createPasswordHasher } from "./passwords.ts";

const cost = { memoryCostKiB: 8, timeCost: 1, parallelism: 1 };

test("the rule for passwords", () => {
  const { minPasswordLength: min, maxPasswordLength: max } = LIMITS.auth;
  const text = (length: number) => "abcdefgh".repeat(length).slice(0, length);
  for (const good of [text(min), text(max), "пароль-длинный", "🐟🐠🐡🦈".repeat(max / 4)]) assertPassword(good, "bob");
  for (const bad of [
    "",
    text(min - 1),
    text(max + 1),
    text(100_000),
    "bob-the-builder",
    "aaaaaaaaaaaaaaaaa",
    "🐟".repeat(11),
    12,
    null,
    "\ud800".repeat(12),
  ]) {
    assert.throws(
      () => assertPassword(bad, "bob-the-builder"),
      (error) =>
        isError(error, "invalid") && !(typeof bad === "string" && bad.length > 3 && error.message.includes(bad)),
      String(bad).slice(0, 20),
    );
  }
});

test("hashes are argon2id at OWASP's cost or better, salted, and nobody's hash costs the same", async () => {
  const hasher = await createPasswordHasher({ random: createSimRandom(3) });
  const first = await hasher.hash("correct horse battery");
  const second = await hasher.hash("correct horse battery");
  assert.notEqual(first, second);
  for (const phc of [first, hasher.nobodysHash]) {
    assert.match(phc, /^\$argon2id\$v=19\$/);
    const { memoryCost, timeCost, parallelism, saltLen } = parseOptions(phc);
    assert.deepEqual(
      { memoryCost, timeCost, parallelism, saltLen },
      { memoryCost: 19_456, timeCost: 2, parallelism: 1, saltLen: 16 },
    );
  }
  assert.equal(await hasher.verify(first, "correct horse battery"), true);
  assert.equal(await hasher.verify(first, "correct horse batterz"), false);
  assert.equal(await hasher.verify(hasher.nobodysHash, ""), false);
});

test("the same password in another normal form is the same, and lengths at the limit survive", async () => {
  const hasher = await createPasswordHasher({ random: createSimRandom(3), cost });
  assert.equal(await hasher.verify(await hasher.hash("caf\u00e9 au lait!"), "cafe\u0301 au lait!"), true);
  const longest = "🐟🐠🐡🦈".repeat(LIMITS.auth.maxPasswordLength / 4);
  assertPassword(longest, "bob");
  const hash = await hasher.hash(longest);
  assert.equal(await hasher.verify(hash, longest), true);
  assert.equal(await hasher.verify(hash, "x".repeat(1_000_000)), false);
  assert.equal(await hasher.verify(hash, "\ud800"), false);
});

test("hashes beyond the queue are refused, and the queue goes on", async () => {
  const metrics = createCollectingMetrics();
  const hasher = await createPasswordHasher({ random: createSimRandom(3), cost, metrics });
  const fits = LIMITS.auth.maxConcurrentHashes + LIMITS.auth.maxWaitingHashes;
  const all = Array.from({ length: fits + 5 }, () => hasher.hash("correct horse battery"));
  assert.equal(metrics.value("skerry_auth_hashes_waiting"), LIMITS.auth.maxWaitingHashes);
  const results = await Promise.allSettled(all);
  const refused = results.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 5);
  assert.ok(refused.every(({ reason }) => isError(reason, "exhausted/overload") && reason.retryAfterMs !== undefined));
  assert.equal(await hasher.verify(await hasher.hash("correct horse battery"), "correct horse battery"), true);
  assert.equal(metrics.value("skerry_auth_hashes_waiting"), 0);
});
