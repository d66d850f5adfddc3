/** Which certificate a worker has for a name: asked once, forgotten when told, bounded. */
import assert from "node:assert/strict";
import type { Server } from "node:net";
import { test } from "node:test";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { GivenCertificate } from "@skerry/core/gateway/control.ts";
import { Certificates } from "./worker-certificates.ts";

/** A daemon that answers at once, by what `given` says of the name. */
function createWorld(given: (name: string) => Partial<GivenCertificate> | undefined = () => ({})) {
  const world = { nowMs: 0, asked: [] as string[], made: [] as string[], terms: undefined as string | undefined };
  const certificates: Certificates = new Certificates({
    nowMs: () => world.nowMs,
    ask: (name) => {
      world.asked.push(name);
      const more = given(name);
      const certificate = more && { certificate: name, key: "", ...more };
      queueMicrotask(() => certificates.take(name, certificate));
    },
    servedAs: (name) =>
      name.endsWith(".wild.example") ? "*.wild.example" : name.endsWith(".example") ? name : undefined,
    termsOf: () => world.terms,
    serverFor: ({ certificate }) => {
      world.made.push(certificate);
      return { certificate } as unknown as Server;
    },
  });
  const shown = async (name: string) =>
    ((await certificates.forHandshake(name)) as unknown as { certificate: string } | undefined)?.certificate;
  return Object.assign(world, { certificates, shown });
}

test("a name is asked for once; below a wildcard only names that are certified apart", async () => {
  const world = createWorld((name) => (name.startsWith("*.") ? { apart: ["own.wild.example"] } : {}));
  for (let n = 0; n < 3; n++) {
    assert.equal(await world.shown("own.wild.example"), "own.wild.example");
    assert.equal(await world.shown("a.example"), "a.example");
    assert.equal(await world.shown("x.wild.example"), "*.wild.example");
    assert.equal(await world.shown("a.b.wild.example"), "a.b.wild.example");
  }
  assert.deepEqual(world.asked, ["*.wild.example", "own.wild.example", "a.example", "a.b.wild.example"]);
});

test("what is forgotten is asked for anew, and nothing else", async () => {
  const world = createWorld();
  const names = ["a.example", "b.example", "x.wild.example", "a.b.wild.example"];
  const asked = async (forget: readonly string[]): Promise<string[]> => {
    for (const name of names) await world.shown(name);
    world.asked.length = 0;
    world.certificates.forget(forget);
    for (const name of names) await world.shown(name);
    return [...world.asked];
  };
  assert.deepEqual(await asked(["a.example", "elsewhere.example"]), ["a.example"]);
  assert.deepEqual(await asked(["*.example"]), ["a.example", "b.example", "*.wild.example", "a.b.wild.example"]);
  assert.deepEqual(await asked(["*.wild.example"]), ["*.wild.example", "a.b.wild.example"]);
  assert.deepEqual(await asked(["new.wild.example"]), ["*.wild.example"], "it may be certified apart now");
});

test("what holds for a time is asked for again after it, and what was given under other terms at once", async () => {
  const world = createWorld(() => ({
    forMs: 1000,
    ...(world.terms === undefined ? {} : { clients: { id: world.terms, ca: "" } }),
  }));
  await world.shown("a.example");
  world.nowMs = 999;
  await world.shown("a.example");
  assert.equal(world.asked.length, 1);
  world.nowMs = 1000;
  await world.shown("a.example");
  assert.equal(world.asked.length, 2);
  world.terms = "other";
  await world.shown("a.example");
  await world.shown("a.example");
  assert.equal(world.asked.length, 3);
});

test("without one of its own a name gets the default one, and without that none", async () => {
  const bare = createWorld((name) => (name === "" ? {} : undefined));
  assert.equal(await bare.shown("a.example"), "");
  const nothing = createWorld(() => undefined);
  assert.equal(await nothing.shown("a.example"), undefined);
  assert.equal(await nothing.shown(""), undefined);
});

test("of thousands of names only so many are held ready, the others are made anew", async () => {
  const world = createWorld();
  const most = LIMITS.gateway.maxHandshakeContexts;
  for (let n = 0; n <= most; n++) await world.shown(`n${n}.example`);
  assert.equal(world.made.length, most + 1);
  await world.shown(`n${most}.example`);
  assert.equal(world.made.length, most + 1);
  await world.shown("n0.example");
  assert.equal(world.made.length, most + 2);
  assert.equal(world.asked.length, most + 1, "the daemon is not asked again");
});
