import assert from "node:assert/strict";
import { appendFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { projectRoutes } from "@skerry/core/contract/api/project.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { createFailureCheck, type ReadinessParts } from "./readiness.ts";
import { startTestCluster, type TestCluster } from "./testing/test-cluster.ts";

const space = { freeBytes: 1, totalBytes: 2, reserveBytes: 1 };
const there = { space: async () => space };
const away = { space: () => Promise.reject(new SkerryError("unavailable/replicas", "It is away.")) };
const refuse = (id: "unauthenticated" | "unavailable") => () => {
  throw new SkerryError(id, "No.");
};
const GOOD: ReadinessParts = {
  audit: { assertWritable: async () => undefined },
  auth: { authenticate: refuse("unauthenticated") },
  index: {},
  servers: [there, there, away],
  store: {},
};

describe("a node that runs", () => {
  const broken = new Error("EIO");
  const cases: readonly [string, Partial<ReadinessParts>, RegExp | undefined][] = [
    ["with a write quorum of chunkservers serves, also when their disks are full", {}, undefined],
    ["whose store has failed does not", { store: { failure: broken } }, /^the store .* restart/],
    ["whose index has failed does not", { index: { failure: broken } }, /^the object index .* restart/],
    [
      "whose view of permissions is too old does not",
      { auth: { authenticate: refuse("unavailable") } },
      /^permissions/,
    ],
    ["that cannot audit does not", { audit: { assertWritable: () => Promise.reject(broken) } }, /^the audit log/],
    ["with fewer chunkservers does not", { servers: [away, there, away] }, /^1 of 3 chunkservers are there, and 2 /],
  ];
  for (const [what, parts, expected] of cases) {
    test(what, async () => {
      const reason = await createFailureCheck({ ...GOOD, ...parts })();
      if (expected === undefined) assert.equal(reason, undefined);
      else assert.match(reason ?? "", expected);
    });
  }

  test("asks its disks once for all who ask at the same time", async () => {
    let asked = 0;
    const counting = {
      async space() {
        asked++;
        return space;
      },
    };
    const check = createFailureCheck({ ...GOOD, servers: [counting, there, there] });
    await Promise.all([check(), check(), check()]);
    assert.equal(asked, 1);
    await check();
    assert.equal(asked, 2);
  });
});

describe("/healthz", () => {
  async function healthz(cluster: TestCluster, path: "live" | "ready"): Promise<[number, string]> {
    const response = await fetch(`${cluster.apiUrl}/healthz/${path}`);
    return [response.status, await response.text()];
  }
  /** What a person does to the files, and what fails then. */
  async function breaks(harm: (cluster: TestCluster) => Promise<void>, reason: RegExp): Promise<void> {
    await using cluster = await startTestCluster();
    await cluster.admin.call(bucketRoutes.create, { body: { name: "box" } });
    assert.deepEqual(await healthz(cluster, "ready"), [200, "ready\n"]);
    await harm(cluster);
    const [status, text] = await healthz(cluster, "ready");
    assert.equal(status, 503);
    assert.match(text, reason);
    assert.deepEqual(await healthz(cluster, "live"), [200, "live\n"]);
    const { state, problems } = await cluster.admin.call(nodeRoutes.status);
    assert.equal(state, "degraded");
    assert.match(problems[0] ?? "", /^Not ready: /);
  }
  const put = (cluster: TestCluster) => {
    const bytes = (async function* () {
      yield Buffer.from("x");
    })();
    return cluster.admin.upload(objectRoutes.put, { params: { bucket: "box", key: "k" }, bytes });
  };

  test("tells of a store that a failed write has closed", () =>
    breaks(async (cluster) => {
      await appendFile(join(cluster.directory, "data/store/store.db"), "x");
      await assert.rejects(cluster.admin.call(projectRoutes.create, { body: { name: "p" } }), { code: "unavailable" });
    }, /^the store takes no more writes/));

  test("tells of an index that has failed", () =>
    breaks(async (cluster) => {
      await rename(join(cluster.directory, "data/index"), join(cluster.directory, "index"));
      await assert.rejects(put(cluster), { code: "unavailable" });
    }, /^the object index takes no more requests/));

  test("tells of chunkservers that are away, before anybody has met them", () =>
    breaks(async (cluster) => {
      for (const name of ["s1", "s3"]) {
        await rename(join(cluster.directory, "data/storage", name), join(cluster.directory, name));
      }
    }, /^1 of 3 chunkservers/));
});
