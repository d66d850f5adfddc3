import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContainerStatus } from "../domain/compute.ts";
import { LIMITS } from "../domain/limits.ts";
import { resourceKey } from "../domain/resource.ts";
import { until } from "../testing/auth-world.ts";
import { ComputeWorld, OWN_PORT } from "../testing/compute-world.ts";

describe("the controller makes containers as they are declared", () => {
  test("one that is declared runs in its project's network, guarded, with our labels", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web");
    const [made] = world.engine.made.values();
    assert.equal(made?.state, "running");
    assert.equal(made?.plan.labels["skerry.cluster"], world.cluster);
    assert.equal(made?.plan.memoryBytes, LIMITS.compute.defaultMemoryBytes);
    assert.equal(made?.plan.pids, LIMITS.compute.defaultPids);
    assert.deepEqual([...world.engine.nets.values()][0]?.subnets, ["10.199.0.0/28"]);
    assert.equal(world.firewall.guarded.size, 1);
    assert.deepEqual(world.compute.endpoints.find(world.project, "web"), { state: "running", address: made?.address });
    assert.equal(world.compute.endpoints.find("z".repeat(26), "web"), undefined);
  });

  test("without containers no engine is asked", async () => {
    await using world = await ComputeWorld.create();
    await world.clock.advance(3 * LIMITS.compute.engineRetryMs);
    assert.equal(world.engine.calls, 0);
    await world.run("web");
    assert.ok(world.engine.calls > 0);
  });

  test("one that is killed runs again, with growing pauses, and its status says why", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web");
    world.engine.end(world.engineName(), 137, { said: "one\ntwo\n" });
    const restarting = await world.until("web", ({ state }) => state === "restarting");
    assert.equal(restarting.exitCode, 137);
    assert.equal(restarting.reason, "it was killed by signal 9");
    assert.deepEqual(restarting.lastLines, ["one", "two"]);
    assert.equal(world.compute.endpoints.find(world.project, "web")?.state, "down");
    await world.clock.advance(LIMITS.compute.minRestartMs);
    const again = await world.until("web", ({ state }) => state === "running");
    assert.equal(again.restarts, 1);
    assert.deepEqual(again.lastLines, ["one", "two"], "what it said is still known");
    world.engine.end(world.engineName(), 1);
    await world.until("web", ({ state }) => state === "restarting");
    await world.clock.advance(LIMITS.compute.minRestartMs);
    assert.equal((await world.status("web"))?.state, "restarting", "the second pause is longer");
    await world.clock.advance(LIMITS.compute.minRestartMs);
    await world.until("web", ({ state, restarts }) => state === "running" && restarts === 2);
  });

  test("the memory limit is named, and a policy that says so leaves it ended", async () => {
    await using world = await ComputeWorld.create();
    await world.run("job", { restart: "on-failure" });
    await world.run("once", { restart: "never" });
    world.engine.end(world.engineName("job"), 0);
    world.engine.end(world.engineName("once"), 137, { outOfMemory: true });
    const job = await world.until("job", ({ state }) => state === "exited");
    assert.equal(job.reason, "it ended with exit code 0");
    const once = await world.until("once", ({ state }) => state === "exited");
    assert.equal(once.outOfMemory, true);
    assert.match(once.reason ?? "", /more memory/);
    await world.clock.advance(2 * LIMITS.compute.maxRestartMs);
    assert.equal((await world.status("job"))?.state, "exited");
    assert.equal((await world.status("once"))?.state, "exited");
  });

  test("stopped on purpose it stays so, and starts when it is asked to, also where it never restarts", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web", { restart: "never" });
    await world.compute.containers.update(world.project, "web", { running: false });
    const stopped = await world.until("web", ({ state }) => state === "stopped");
    assert.equal(stopped.exitCode, 143);
    await world.clock.advance(LIMITS.compute.maxRestartMs);
    assert.equal((await world.status("web"))?.state, "stopped");
    await world.compute.containers.update(world.project, "web", { running: true });
    await world.until("web", ({ state }) => state === "running");
  });

  test("its limits change while it runs, and while it does not; it is not started for that", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web");
    const { update } = world.compute.containers;
    const change = (spec: object) => update.call(world.compute.containers, world.project, "web", spec);
    const made = world.engine.made.get(world.engineName());
    await change({ cpu: 0.5, memoryBytes: 2 ** 26 });
    const { pids } = { pids: LIMITS.compute.defaultPids };
    const status = await world.until("web", ({ limits }) => limits?.cpu === 0.5);
    assert.deepEqual(status.limits, { cpu: 0.5, memoryBytes: 2 ** 26, pids });
    assert.deepEqual(made?.limits, status.limits);
    assert.equal(made?.starts, 1);
    world.engine.refusesLimits = true;
    await change({ memoryBytes: 2 ** 24 });
    const refused = await world.until("web", ({ reason }) => reason !== undefined);
    assert.equal(refused.state, "running");
    assert.match(refused.reason ?? "", /limits that it had: The memory is in use/);
    assert.equal(refused.limits?.memoryBytes, 2 ** 26);
    world.engine.refusesLimits = false;
    await world.clock.advance(LIMITS.compute.convergeEveryMs);
    await world.until("web", ({ limits, reason }) => limits?.memoryBytes === 2 ** 24 && reason === undefined);
    await change({ running: false });
    await world.until("web", ({ state }) => state === "stopped");
    await change({ pids: 7 });
    await change({ running: true });
    await world.until("web", ({ state, limits }) => state === "running" && limits?.pids === 7);
    assert.equal(made?.limits.pids, 7);
  });

  test("what changes besides does not start again what has ended", async () => {
    await using world = await ComputeWorld.create();
    await world.run("job", { restart: "never" });
    const made = world.engine.made.get(world.engineName());
    // While it runs, so that it ends as another generation than it was started as, and after it has ended.
    await world.compute.containers.update(world.project, "job", { labels: { a: "b" } });
    world.engine.end(world.engineName(), 0);
    await world.until("job", ({ state }) => state === "exited");
    await world.compute.containers.update(world.project, "job", { labels: { a: "c" }, cpu: 0.25 });
    await until(() => made?.limits.cpu === 0.25);
    await world.clock.advance(2 * LIMITS.compute.convergeEveryMs);
    assert.equal((await world.status("job"))?.state, "exited");
    assert.equal(made?.starts, 1);
    await world.compute.containers.update(world.project, "job", { running: true });
    await world.until("job", ({ state }) => state === "running");
    assert.equal(made?.starts, 2);
  });

  test("an engine that goes makes the state unknown, and one that comes back finds all running again", async () => {
    await using world = await ComputeWorld.create();
    await world.run("one");
    await world.run("two");
    world.engine.stop();
    for (const name of ["one", "two"]) {
      const status = await world.until(name, ({ state }) => state === "unknown");
      assert.match(status.reason ?? "", /down/);
      assert.deepEqual(world.compute.endpoints.find(world.project, name)?.state, "down");
    }
    world.engine.resume();
    await world.clock.advance(2 * LIMITS.compute.engineRetryMs);
    for (const name of ["one", "two"]) {
      await world.until(name, ({ state }) => state === "restarting" || state === "running");
    }
    await world.clock.advance(LIMITS.compute.minRestartMs);
    for (const name of ["one", "two"]) await world.until(name, ({ state }) => state === "running");
  });

  test("a start that fails is told and tried again", async () => {
    await using world = await ComputeWorld.create();
    world.engine.failStarts = 1;
    await world.create("web");
    await world.until("web", ({ state }) => state === "failed");
    assert.equal(world.engine.made.size, 0, "what never ran is made anew");
    // Whatever else happens, its pause holds.
    await world.compute.jobs[0]?.run({ signal: AbortSignal.abort(), progress: () => {} });
    assert.equal((await world.status("web"))?.state, "failed");
    await world.clock.advance(LIMITS.compute.minRestartMs);
    await world.until("web", ({ state }) => state === "running");
  });

  test("removed it is gone from engine and store, the network with the last one", async () => {
    await using world = await ComputeWorld.create();
    await world.run("one");
    await world.run("two");
    await world.compute.containers.delete(world.project, "one");
    await until(() => world.compute.endpoints.find(world.project, "one") === undefined);
    assert.equal(world.engine.made.size, 1);
    assert.equal(world.engine.nets.size, 1);
    await world.compute.containers.delete(world.project, "two");
    await until(() => world.compute.endpoints.find(world.project, "two") === undefined);
    await until(() => world.engine.nets.size === 0);
    await until(() => world.firewall.guarded.size === 0);
    assert.equal(world.engine.made.size, 0);
    assert.equal(await world.status("two"), undefined);
  });

  test("a status is written when it says something new, and never moves the generation", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web");
    const { container, revision } = (await world.compute.containers.find(world.project, "web")) ?? assert.fail();
    const before = world.store.revision;
    for (let i = 0; i < 5; i++) await world.compute.jobs[0]?.run({ signal: AbortSignal.abort(), progress: () => {} });
    assert.equal(world.store.revision, before);
    world.engine.end(world.engineName(), 1);
    await world.until("web", ({ state }) => state === "restarting");
    assert.ok(world.store.revision > before);
    const after = (await world.compute.containers.find(world.project, "web")) ?? assert.fail();
    assert.equal(after.container.meta.generation, container.meta.generation);
    assert.equal(after.revision, revision);
  });

  test("another cloud's containers on the same engine are left alone", async () => {
    await using world = await ComputeWorld.create();
    await using other = await ComputeWorld.create({ engine: world.engine, cluster: "other" });
    await world.run("web");
    await other.run("web");
    assert.equal(world.engine.made.size, 2);
    await world.compute.containers.delete(world.project, "web");
    await until(() => world.engine.made.size === 1);
    assert.equal([...world.engine.made.values()][0]?.plan.labels["skerry.cluster"], "other");
    assert.equal((await other.status("web"))?.state, "running");
  });
});

describe("what may be declared", () => {
  test("an image that is not there is refused with those that are, and never another project's", async () => {
    await using world = await ComputeWorld.create();
    world.engine.tags.set(`skerry/${"q".repeat(26)}/secret:latest`, `sha256:${"9".repeat(64)}`);
    await assert.rejects(world.create("web", { image: "nope" }), (error: { code: string; hint: string }) => {
      assert.equal(error.code, "not_found");
      assert.match(error.hint, /busybox:latest/);
      assert.doesNotMatch(error.hint, /secret/);
      return true;
    });
    const foreign = `skerry/${"q".repeat(26)}/secret`;
    await assert.rejects(world.create("web", { image: foreign }), { code: "not_found" });
    await assert.rejects(world.create("web", { image: `sha256:${"9".repeat(64)}` }), { code: "not_found" });
    await assert.rejects(world.create("web", { image: "../etc" }), { code: "invalid" });
  });

  test("a name is taken once in a project, and a project has room for so many", async () => {
    await using world = await ComputeWorld.create();
    await world.create("web");
    await assert.rejects(world.create("web"), { code: "conflict", reason: "exists" });
    const most = LIMITS.compute.maxContainersPerProject;
    // All at once: each is counted.
    const results = await Promise.allSettled(Array.from({ length: most + 3 }, (_, i) => world.create(`c${i}`)));
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, most - 1);
  });

  test("a port on which Skerry listens itself is nobody's", async () => {
    await using world = await ComputeWorld.create();
    await assert.rejects(world.create("web", { publish: [{ port: 80, hostPort: OWN_PORT }] }), {
      code: "invalid",
      message: /Skerry's own/,
    });
    await world.run("web", { publish: [{ port: OWN_PORT, hostPort: OWN_PORT + 1 }] });
  });

  test("what an image's name means later changes nothing", async () => {
    await using world = await ComputeWorld.create();
    await world.run("web");
    const before = world.engine.tags.get("busybox:latest");
    world.engine.tags.set("busybox:latest", `sha256:${"7".repeat(64)}`);
    const found = await world.compute.containers.find(world.project, "web");
    assert.equal(found?.container.spec.imageId, before);
  });
});

test("200 random steps, with the engine gone in between: engine and store agree", async () => {
  await using world = await ComputeWorld.create({ seed: 7 });
  const names = ["a", "b", "c", "d", "e"];
  for (let step = 0; step < 200; step++) {
    const name = world.random.pick(names);
    const found = await world.compute.containers.find(world.project, name);
    const running = [...world.engine.made].filter(([, { state }]) => state === "running").map(([key]) => key);
    switch (world.random.below(7)) {
      case 0:
      case 1:
        if (!world.engine.down) await world.create(name).catch(() => undefined);
        break;
      case 2:
        if (found !== undefined) await world.compute.containers.delete(world.project, name);
        break;
      case 3:
        if (running.length > 0) world.engine.end(world.random.pick(running), world.random.below(3));
        break;
      case 4:
        if (found?.container.meta.deletingSince !== undefined) break;
        if (found !== undefined) {
          await world.compute.containers.update(world.project, name, { running: world.random.chance(0.5) });
        }
        break;
      case 5:
        if (world.engine.down) world.engine.resume();
        else if (world.random.chance(0.3)) world.engine.stop();
        break;
      default:
        await world.clock.advance(world.random.below(2000));
    }
  }
  world.engine.resume();
  for (let i = 0; i < 4; i++) await world.clock.advance(LIMITS.compute.maxRestartMs);
  const { entries } = await world.store.list({ prefix: "/container/" });
  const declared = new Map<string, boolean>();
  for (const { key, value } of entries) {
    if (key.endsWith("/status")) continue;
    const { meta, spec } = value as unknown as { meta: { uid: string; name: string }; spec: { running: boolean } };
    declared.set(`skerry-${meta.uid}`, spec.running);
    const status = (await world.store.get(`${resourceKey("container", world.project, meta.name)}/status`))?.value;
    assert.equal((status as unknown as ContainerStatus).state, spec.running ? "running" : "stopped", meta.name);
  }
  const stopped = [...declared].filter(([, run]) => !run).map(([name]) => name);
  const left = [...world.engine.made].map(([name, { state }]) => `${name} ${state}`);
  const wanted = [...declared].filter(([name]) => world.engine.made.has(name));
  assert.deepEqual(
    left.sort(),
    wanted.map(([name, run]) => `${name} ${run ? "running" : (world.engine.made.get(name)?.state ?? "")}`).sort(),
  );
  for (const name of stopped) assert.notEqual(world.engine.made.get(name)?.state, "running");
  for (const [name, run] of declared) if (run) assert.equal(world.engine.made.get(name)?.state, "running");
});
