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
  assert.equal(kept?.resource.meta.deletingSince, undefined, "a delete that failed has changed nothing");
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

test("containers join the network that they name; it goes when none has it, and leaves the one that each project has", async () => {
  await using world = await ComputeWorld.create();
  const { networks } = world.compute;
  await assert.rejects(world.create("db", { network: "back" }), {
    code: "not_found",
    hint: /skerry network create back/,
  });
  await assert.rejects(networks.create(input(world, "default")), { code: "conflict", reason: "exists" });
  const { resource } = await networks.create(input(world, "back"));
  await world.run("web");
  await world.run("db", { network: "back" });
  await world.run("spare", { network: "default" });
  const joined = (name: string) => world.engine.made.get(world.engineName(name))?.plan.network;
  assert.deepEqual(["web", "db", "spare"].map(joined), [
    `skerry-${world.project}`,
    `skerry-${world.project}-back`,
    `skerry-${world.project}`,
  ]);
  assert.deepEqual(
    [...world.firewall.guarded].sort(),
    [world.project, resource.meta.uid].map((uid) => `sk-${uid.slice(0, 12)}`).sort(),
  );
  await assert.rejects(networks.delete(world.project, "back"), { code: "conflict", message: /db has/ });
  await world.compute.containers.delete(world.project, "db");
  await until(() => world.engine.nets.size === 1);
  await networks.delete(world.project, "back");
  assert.deepEqual([...world.engine.nets.keys()], [`skerry-${world.project}`]);
});

test("a network that takes another's place meanwhile is another", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await using world = await ComputeWorld.create({ seed });
    const { networks } = world.compute;
    await networks.create(input(world, "back"));
    const [, created] = await Promise.allSettled([
      networks.delete(world.project, "back").then(() => networks.create(input(world, "back"))),
      world.create("db", { network: "back" }),
    ]);
    if (created.status !== "fulfilled") continue;
    const now = await networks.find(world.project, "back");
    assert.equal(created.value.container.spec.networkUid, now?.resource.meta.uid);
  }
});
