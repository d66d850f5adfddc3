import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, Store } from "@skerry/core/domain/store.ts";
import { engineProblems } from "./engine-problems.ts";

const statuses = (...states: string[]): Pick<Store, "list"> => ({
  list: async () => ({
    revision: 1,
    entries: states.flatMap((state, i) => [
      { key: `/container/p/c${i}`, value: {} } as Entry,
      { key: `/container/p/c${i}/status`, value: { state, reason: "The engine does not answer." } } as unknown as Entry,
    ]),
  }),
});

test("the engine is a problem of the cloud when containers are declared that it should run", async () => {
  assert.deepEqual(await engineProblems(statuses()), []);
  assert.deepEqual(await engineProblems(statuses("running", "failed")), []);
  const [one, ...others] = await engineProblems(statuses("running", "unknown"));
  assert.equal(one, "The state of 1 container is unknown: The engine does not answer.");
  assert.deepEqual(others, []);
  assert.match(
    (await engineProblems(statuses("unknown", "unknown")))[0] ?? "",
    /^The state of 2 containers is unknown/,
  );
});
