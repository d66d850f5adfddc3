import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { pollOf } from "../screens/screen.ts";
import { FakeDaemon, until } from "../testing/fake-daemon.ts";
import { Poll } from "./poll.ts";

const SOURCE = pollOf(upstreamRoutes.get, { params: { name: "web" } }, ({ spec }) => spec.backends);

function view(...names: string[]) {
  return { json: { spec: { backends: names.map((name) => ({ name })) } } };
}

test("it asks by itself, the newest answer holds, and what was there stays while the daemon is away", async () => {
  const slow = Promise.withResolvers<void>();
  let answer = () => view("a");
  const daemon = new FakeDaemon(() => answer());
  using poll = new Poll({ client: daemon.client, source: SOURCE, nowMs: () => 5 });
  await until("asked", () => poll.items.length === 1);
  answer = () => ({ ...view("old", "old"), later: slow.promise });
  const late = poll.refresh();
  answer = () => view("a", "b", "c");
  await poll.refresh();
  slow.resolve();
  await late;
  assert.deepEqual(
    poll.items.map(({ name }) => name),
    ["a", "b", "c"],
  );
  daemon.down = true;
  await poll.refresh();
  assert.deepEqual([poll.phase.state, poll.items.length], ["stale", 3]);
  daemon.down = false;
  await until("by itself", () => poll.phase.state === "live");
});

test("what is gone says so", async () => {
  const daemon = new FakeDaemon(() => ({ status: 404, json: { status: 404, code: "not_found", detail: "Gone." } }));
  using poll = new Poll({ client: daemon.client, source: SOURCE, nowMs: () => 0 });
  await until("failed", () => poll.phase.state === "failed");
});
