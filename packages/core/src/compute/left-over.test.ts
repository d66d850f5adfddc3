/** What should be gone and is not: told, and never taken for gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { until } from "../testing/auth-world.ts";
import { ComputeWorld } from "../testing/compute-world.ts";
import { UID_LABEL } from "./names.ts";

const look = (world: ComputeWorld) =>
  world.compute.jobs[0]?.run({ signal: AbortSignal.abort(), progress: () => undefined });

test("who waits for a removal is told when the engine is away, and it goes when that is back", async () => {
  await using world = await ComputeWorld.create();
  await world.run("web");
  world.engine.stop();
  await world.until("web", ({ state }) => state === "unknown");
  await world.compute.containers.delete(world.project, "web");
  const waiting = world.compute.untilGone(world.project, "web");
  const refused = assert.rejects(waiting, {
    code: "unavailable",
    message: /^The container web is marked for removal, and still there: .*engine/,
  });
  await world.clock.advance(2 * LIMITS.compute.engineRetryMs);
  await refused;
  world.engine.resume();
  const gone = world.compute.untilGone(world.project, "web");
  await world.clock.advance(LIMITS.compute.engineRetryMs);
  await gone;
  assert.equal(world.engine.made.size, 0);
});

test("containers that nobody declares are told, when they were there twice, and left alone", async () => {
  await using world = await ComputeWorld.create();
  await world.run("web");
  const [name, made] = [...world.engine.made][0] ?? assert.fail();
  const labels = { ...made.plan.labels, [UID_LABEL]: "z".repeat(26) };
  world.engine.made.set("skerry-left", { ...made, plan: { ...made.plan, labels } });
  await look(world);
  assert.deepEqual(world.compute.problems(), []);
  await look(world);
  const [problem = "", ...others] = world.compute.problems();
  assert.match(problem, /^A container is in the engine that nobody has declared.*: docker rm -f skerry-left$/);
  assert.deepEqual(others, []);
  assert.deepEqual([...world.engine.made.keys()], [name, "skerry-left"]);
  world.engine.made.delete("skerry-left");
  await look(world);
  assert.deepEqual(world.compute.problems(), []);
});

test("also when nothing is declared any more", async () => {
  await using world = await ComputeWorld.create();
  await world.run("web");
  const [, made] = [...world.engine.made][0] ?? assert.fail();
  const labels = { ...made.plan.labels, [UID_LABEL]: "z".repeat(26) };
  await world.compute.containers.delete(world.project, "web");
  await until(() => world.engine.made.size === 0);
  world.engine.made.set("skerry-left", { ...made, plan: { ...made.plan, labels } });
  await look(world);
  await look(world);
  assert.equal(world.compute.problems().length, 1);
});
