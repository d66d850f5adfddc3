import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { isError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { CLOUD, resourceKey } from "../../domain/resource.ts";
import { openMemoryStore } from "../../store/drivers/memory/memory.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createSimRandom } from "../../testing/sim-random.ts";
import { IpListService } from "./lists-service.ts";

async function createWorld(...projects: readonly string[]) {
  const clock = createFakeClock();
  const random = createSimRandom(1);
  const store = openMemoryStore({ clock, random });
  for (const name of projects) {
    const project = { kind: "project", meta: { uid: `${name}-uid`, name } };
    await store.transact({ then: [{ op: "put", key: resourceKey("project", CLOUD, name), value: project }] });
  }
  const service = new IpListService({ store, clock, random });
  const create = (projectName: string, name: string, entries: string) =>
    service.create({ name, project: `${projectName}-uid`, projectName, entries });
  return { service, create };
}

const { maxIpListLength, maxIpListsLength, maxIpListsPerProject, maxIpListNetworks } = LIMITS.gateway;
const LARGE = "192.0.2.7\n".padEnd(maxIpListLength, " ");
const isFull = (error: unknown): boolean => isError(error, "exhausted/quota");
const isTooLarge = (error: unknown): boolean => isError(error, "invalid/too-large");

test("what all lists of a project have together is bounded, also where one is changed, and by nobody else's", async () => {
  const { service, create } = await createWorld("mia", "zoe");
  const fit = maxIpListsLength / maxIpListLength;
  for (let n = 0; n < fit; n++) await create("mia", `large-${n}`, LARGE);
  await rejects(create("mia", "small", "192.0.2.7"), isFull);
  await create("zoe", "small", "192.0.2.7");

  // A list makes room for itself, and for others when it becomes shorter.
  await service.update("mia-uid", "large-0", { entries: LARGE.replace("7", "8") });
  await service.update("mia-uid", "large-0", { entries: "192.0.2.9" });
  await create("mia", "small", "192.0.2.7");
  await rejects(service.update("mia-uid", "small", { entries: LARGE }), isFull);
  await rejects(service.update("mia-uid", "large-0", { entries: LARGE }), isFull);
  equal((await service.find("mia-uid", "large-0"))?.list.spec.entries, "192.0.2.9");
});

test("one list has so many networks, a project so many lists, and no more", async () => {
  const { service, create } = await createWorld("mia");
  const many = "1.1.1.1 ".repeat(maxIpListNetworks);
  await create("mia", "list-0", many);
  await rejects(service.update("mia-uid", "list-0", { entries: `${many}::1` }), isTooLarge);
  await rejects(create("mia", "other", `${LARGE} `), isTooLarge);
  for (let n = 1; n < maxIpListsPerProject; n++) await create("mia", `list-${n}`, "");
  await rejects(create("mia", "other", ""), isFull);
  await service.update("mia-uid", "list-1", { entries: "::1" });
});
