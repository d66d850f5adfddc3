import assert from "node:assert/strict";
import { test } from "node:test";
import { containersScreen } from "./containers.ts";
import type { Call, Intent } from "./screen.ts";

const container = {
  meta: { uid: "u", name: "web", project: "p1" },
  spec: { running: true },
  status: { state: "running" },
};

function intentOf(key: string, item: unknown = container): Intent | undefined {
  return containersScreen.keys.find((one) => one.key === key)?.intent(item as never);
}

function sent({ route, input }: Call) {
  const { params, query, body } = input as Record<string, unknown>;
  return [route.id, params, query, body];
}

test("a container is named within its project, whatever is done to it", () => {
  const remove = intentOf("d");
  const stop = intentOf("x");
  const start = intentOf("x", { ...container, spec: { running: false } });
  assert.ok(remove?.kind === "confirm" && stop?.kind === "call" && start?.kind === "call");
  const where = [{ name: "web" }, { project: "p1" }];
  assert.deepEqual(sent(remove.call), ["container.delete", ...where, undefined]);
  assert.deepEqual(sent(stop.call), ["container.update", ...where, { spec: { running: false } }]);
  assert.deepEqual(sent(start.call), ["container.update", ...where, { spec: { running: true } }]);
  assert.deepEqual(intentOf("e"), { kind: "command", words: ["shell", "web", "--project", "p1"] });
});

test("a log begins with what was said before, and goes on from where it broke", () => {
  const log = containersScreen.enter(container as never);
  assert.ok(log.kind === "log");
  const query = (since?: string) => sent(log.source.call(since))[2];
  assert.deepEqual(query(), { project: "p1", follow: "1", tail: 1000 });
  assert.deepEqual(query("2026-08-02T12:00:00.000Z"), {
    project: "p1",
    follow: "1",
    since: "2026-08-02T12:00:00.000Z",
  });
});

test("a restart stops it, and starts it when it has stopped; what is stopped is started", () => {
  const running = intentOf("R");
  assert.ok(running?.kind === "call" && running.then !== undefined);
  const where = ["container.update", { name: "web" }, { project: "p1" }];
  assert.deepEqual(sent(running.call), [...where, { spec: { running: false } }]);
  const when = running.then.when as (item: unknown) => boolean;
  assert.deepEqual(
    [when({ status: { state: "running" } }), when({}), when({ status: { state: "stopped" } })],
    [false, false, true],
  );
  assert.deepEqual(sent(running.then.call), [...where, { spec: { running: true } }]);
  const stopped = intentOf("R", { ...container, spec: { running: false } });
  assert.ok(stopped?.kind === "call" && stopped.then === undefined);
  assert.deepEqual(sent(stopped.call), [...where, { spec: { running: true } }]);
});

test("a new one: the command is for sh, and left out where there is none", () => {
  const prompt = intentOf("n");
  assert.ok(prompt?.kind === "prompt");
  assert.deepEqual(sent(prompt.call("box", "web", "")).at(-1), { name: "web", spec: { image: "box" } });
  const command = ["sh", "-c", "echo 1; sleep 9"];
  assert.deepEqual(sent(prompt.call("box", "web", "echo 1; sleep 9")).at(-1), {
    name: "web",
    spec: { image: "box", command },
  });
});

test("nothing is chosen: the keys mean nothing", () => {
  for (const { key, intent } of containersScreen.keys) if (key !== "n") assert.equal(intent(undefined), undefined);
});
