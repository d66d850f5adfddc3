import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../domain/limits.ts";
import { until } from "../testing/auth-world.ts";
import { ComputeWorld } from "../testing/compute-world.ts";

function input(world: ComputeWorld, name: string) {
  return { name, project: world.project, projectName: "alice" };
}

test("a container takes volumes of its project that are there, and no others", async () => {
  await using world = await ComputeWorld.create();
  const volumes = [{ name: "data", path: "/data" }];
  await assert.rejects(world.create("web", { volumes }), { code: "not_found", hint: /skerry volume create data/ });
  await world.compute.volumes.create(input(world, "data"));
  await world.run("web", { volumes });
  const [[name, labels] = []] = world.engine.volumes;
  assert.equal(name, `skerry-${world.project}-data`);
  assert.deepEqual(labels, { "skerry.cluster": world.cluster, "skerry.project": world.project });
  assert.deepEqual(world.engine.made.get(world.engineName())?.plan.volumes, [{ engineName: name, path: "/data" }]);
});

test("a volume goes when no container has it, with what is in it", async () => {
  await using world = await ComputeWorld.create();
  await world.compute.volumes.create(input(world, "data"));
  await assert.rejects(world.compute.volumes.create(input(world, "data")), { code: "conflict", reason: "exists" });
  await world.run("web", { volumes: [{ name: "data", path: "/data" }] });
  await assert.rejects(world.compute.volumes.delete(world.project, "data"), { code: "conflict", message: /web has/ });
  await world.compute.containers.delete(world.project, "web");
  await until(() => world.compute.endpoints.find(world.project, "web") === undefined);
  world.engine.stop();
  await assert.rejects(world.compute.volumes.delete(world.project, "data"), { code: "unavailable" });
  world.engine.resume();
  const kept = await world.compute.volumes.find(world.project, "data");
  assert.equal(kept?.volume.meta.deletingSince, undefined, "a delete that failed has changed nothing");
  await world.compute.volumes.delete(world.project, "data");
  assert.equal(world.engine.volumes.size, 0);
  assert.equal(await world.compute.volumes.find(world.project, "data"), undefined);
});

test("of a delete and a container that takes the volume at the same time, one wins", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await using world = await ComputeWorld.create({ seed });
    await world.compute.volumes.create(input(world, "data"));
    const [removed, created] = await Promise.allSettled([
      world.compute.volumes.delete(world.project, "data"),
      world.create("web", { volumes: [{ name: "data", path: "/data" }] }),
    ]);
    assert.notEqual(removed.status === "fulfilled", created.status === "fulfilled");
  }
});

test("a project has room for so many", async () => {
  await using world = await ComputeWorld.create();
  const most = LIMITS.compute.maxVolumesPerProject;
  // All at once: each is counted.
  const made = Array.from({ length: most + 3 }, (_, i) => world.compute.volumes.create(input(world, `v${i}`)));
  const results = await Promise.allSettled(made);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, most);
  await assert.rejects(world.compute.volumes.create(input(world, "more")), { code: "exhausted", reason: "quota" });
});
