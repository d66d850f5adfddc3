import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "../../../testing/fake-clock.ts";
import { createSimRandom } from "../../../testing/sim-random.ts";
import { checkStore } from "../../contract.ts";
import type { StoreSite } from "../../contract-site.ts";
import { openSqliteStore } from "./sqlite.ts";

const FULL = process.env["SKERRY_TEST_TIER"] === "full";

async function newSite(): Promise<StoreSite> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-sqlite-"));
  const clock = createFakeClock();
  const random = createSimRandom(1);
  return {
    clock,
    open: (options) => openSqliteStore({ path: join(directory, "store.db"), clock, random, ...options }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

checkStore("sqlite", newSite, { cases: FULL ? 300 : 15 });
