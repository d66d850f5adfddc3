import assert from "node:assert/strict";
import { timingSafeEqual } from "node:crypto";
import { test } from "node:test";
import { newUid } from "../domain/resource.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { newPassword, newSecret, parseBearer, redactSecrets, secretMatches } from "./secrets.ts";

const random = createSimRandom(7);

test("a bearer says its kind and uid, and its secret fits only its own hash", () => {
  for (const kind of ["token", "session"] as const) {
    const uid = newUid(random);
    const { bearer, secretHash } = newSecret(kind, uid, random);
    assert.match(bearer, /^sk[ys]_[a-z2-7]{26}_[A-Za-z0-9_-]{43}$/);
    const parts = parseBearer(bearer);
    assert.ok(parts);
    assert.deepEqual({ kind: parts.kind, uid: parts.uid }, { kind, uid });
    assert.match(secretHash, /^[0-9a-f]{64}$/);
    assert.equal(secretMatches(secretHash, parts.secret), true);
    assert.equal(secretMatches(newSecret(kind, uid, random).secretHash, parts.secret), false);
  }
  for (const bad of [
    "",
    "sky_",
    "sky_a_b",
    `sky_${"a".repeat(26)}_${"x".repeat(42)}`,
    `abc_${"a".repeat(26)}_${"x".repeat(43)}`,
  ]) {
    assert.equal(parseBearer(bad), undefined);
  }
});

test("a secret is compared once, with equal lengths, whether its uid is known or not", () => {
  const seen: [number, number][] = [];
  const equal = (a: Uint8Array, b: Uint8Array) => {
    seen.push([a.length, b.length]);
    return timingSafeEqual(a, b);
  };
  const { secretHash } = newSecret("token", newUid(random), random);
  assert.equal(secretMatches(secretHash, "x".repeat(43), equal), false);
  assert.equal(secretMatches(undefined, "x".repeat(43), equal), false);
  assert.deepEqual(seen, [
    [32, 32],
    [32, 32],
  ]);
  assert.equal(
    secretMatches(undefined, "x", () => true),
    false,
    "an unknown uid never matches",
  );
});

test("a made password has 24 characters that cannot be mistaken, and is never the same", () => {
  const made = new Set(Array.from({ length: 200 }, () => newPassword(random)));
  assert.equal(made.size, 200);
  for (const password of made) {
    assert.match(password, /^[2-9A-HJ-NP-Za-hjkm-np-tw-z]{6}(-[2-9A-HJ-NP-Za-hjkm-np-tw-z]{6}){3}$/);
  }
});

test("secrets are taken out of text", () => {
  const { bearer } = newSecret("session", newUid(random), random);
  const text = redactSecrets(`GET /${bearer}/x?y=${bearer}`);
  assert.equal(text.includes(bearer.slice(-20)), false);
  assert.ok(text.includes(bearer.slice(0, 30)), "the uid stays");
});
