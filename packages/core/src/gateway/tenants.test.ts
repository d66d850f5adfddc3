/** One project's routes never change the answers of another's hosts: claims in the store and the table together. */
import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SkerryError } from "../domain/errors.ts";
import { claimedName, namesAbove, type Route } from "../domain/gateway.ts";
import { CLOUD, resourceKey } from "../domain/resource.ts";
import type { RouteMatch } from "../domain/route-match.ts";
import { openMemoryStore } from "../store/drivers/memory/memory.ts";
import { createFakeClock } from "../testing/fake-clock.ts";
import { createSimRandom } from "../testing/sim-random.ts";
import { compileRoute } from "./compile.ts";
import { Refusal } from "./http1/grammar.ts";
import { RouteService, toRoute } from "./routes.ts";
import type { Asked } from "./routing/asked.ts";
import { compileTable } from "./routing/route-table.ts";
import type { TableEntry } from "./table.ts";

const RUNS = process.env["SKERRY_TEST_TIER"] === "full" ? 1000 : 60;
const PROJECTS = ["mia", "zoe", "ann"] as const;
const lookups = {
  ipList: () => undefined,
  bucket: () => undefined,
  clientCertificate: () => "",
  container: () => undefined,
  upstream: () => undefined,
  sitesSocket: "/absent",
};

async function createWorld() {
  const clock = createFakeClock();
  const random = createSimRandom(1);
  const store = openMemoryStore({ clock, random });
  for (const name of PROJECTS) {
    const project = { kind: "project", meta: { uid: `${name}-uid`, name } };
    await store.transact({ then: [{ op: "put", key: resourceKey("project", CLOUD, name), value: project }] });
  }
  const routes = new RouteService({ store, clock, random });
  const entries = async (): Promise<TableEntry[]> => {
    const listed = await store.list({ prefix: "/route/" });
    return listed.entries.map((entry) => compileRoute(toRoute(entry).route, lookups));
  };
  return { routes, entries };
}

/** Undefined: none; a refusal is an answer too. */
function answer(entries: readonly TableEntry[], asked: Asked): string | undefined {
  const found = compileTable(entries).find(asked);
  return found instanceof Refusal ? "refused" : found?.id;
}

const name = fc.constantFrom(
  "t1.cloud.test",
  "t2.cloud.test",
  "a.t1.cloud.test",
  "b.t2.cloud.test",
  "cloud.test",
  "c.a.t1.cloud.test",
);
const host = fc.oneof(
  { weight: 4, arbitrary: name },
  name.map((one) => `*.${one}`),
);
const match = fc.constantFrom<RouteMatch | undefined>(
  undefined,
  undefined,
  { path: "exact" },
  { methods: ["GET"] },
  { headers: [{ name: "x", type: "present" }] },
  { cookies: [{ name: "x", type: "absent" }] },
);
const path = fc.constantFrom("/", "/a", "/a/b");
const step = fc.record({
  project: fc.constantFrom(...PROJECTS),
  host,
  path,
  match,
  does: fc.constantFrom("create", "create", "create", "move", "delete"),
});

const asks = fc.array(
  fc.record({
    host: name,
    target: path,
    method: fc.constantFrom("GET", "POST"),
    lines: fc.constantFrom("", "X: 1\r\n"),
  }),
  { minLength: 8, maxLength: 8 },
);

test("who has claimed a name decides alone about its answers, whatever others declare", async () => {
  const seen = { own: 0, alone: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), asks, async (steps, questions) => {
      const { routes, entries } = await createWorld();
      const made: Route[] = [];
      for (const { project, host: at, path: below, match: asks, does } of steps) {
        const own = made.findIndex(({ meta }) => meta.project === `${project}-uid`);
        const place = { path: below, match: asks };
        const work = async () => {
          if (does === "create" || own < 0) {
            const input = {
              to: "http://192.0.2.1",
              anyUpstream: false,
              project: `${project}-uid`,
              projectName: project,
            };
            made.push(
              (
                await routes.create({
                  ...input,
                  host: at,
                  path: below,
                  ...(asks && { match: asks }),
                  name: `r${made.length}-${seen.own++}`,
                })
              ).route,
            );
          } else if (does === "move") await routes.update(`${project}-uid`, made[own]?.meta.name ?? "", { place });
          else await routes.delete(`${project}-uid`, made.splice(own, 1)[0]?.meta.name ?? "");
        };
        await work().catch((error: unknown) => {
          ok(error instanceof SkerryError && error.code === "conflict", String(error));
          seen.refused++;
        });
      }
      const all = await entries();
      for (const asked of questions) {
        const owner = ownerOf(all, asked.host);
        const theirs = all.filter(({ project }) => project === owner);
        equal(answer(all, asked), answer(theirs, asked), JSON.stringify(asked));
        if (answer(all, asked) !== undefined) seen.alone++;
      }
    }),
    { numRuns: RUNS },
  );
  ok(seen.alone > RUNS && seen.refused > RUNS, JSON.stringify(seen));
});

/** The project with the nearest claim: of the name, else of one above it. */
function ownerOf(entries: readonly TableEntry[], asked: string): string | undefined {
  for (const one of [asked, ...namesAbove(asked)]) {
    const found = entries.find((entry) => claimedName(entry.host) === one);
    if (found !== undefined) return found.project;
  }
  return undefined;
}

test("tenants by subdomain: each name has its own answers", async () => {
  const { routes, entries } = await createWorld();
  for (const [project, at] of [
    ["mia", "t1.cloud.test"],
    ["zoe", "t2.cloud.test"],
  ] as const) {
    const input = { to: "http://192.0.2.1", anyUpstream: false, project: `${project}-uid`, projectName: project };
    await routes.create({ ...input, host: at, path: "/", name: "web" });
  }
  const all = await entries();
  const ask = (at: string) => compileTable(all).find({ host: at, method: "GET", target: "/", lines: "" });
  const projectOf = (found: ReturnType<typeof ask>) => (found instanceof Refusal ? "refused" : found?.project);
  equal(projectOf(ask("t1.cloud.test")), "mia-uid");
  equal(projectOf(ask("t2.cloud.test")), "zoe-uid");
  equal(ask("t3.cloud.test"), undefined);
  equal(ask("x.t1.cloud.test"), undefined);
});

test("a wildcard takes no names below those that another project has claimed", async () => {
  const { routes, entries } = await createWorld();
  const claim = async (project: string, at: string): Promise<void> => {
    const input = { to: "http://192.0.2.1", anyUpstream: false, project: `${project}-uid`, projectName: project };
    await routes.create({ ...input, host: at, path: "/", name: `r${at.length}` });
  };
  const hostOf = (found: ReturnType<ReturnType<typeof compileTable>["find"]>) =>
    found instanceof Refusal ? "refused" : found?.host;
  const served = async (at: string) => {
    return hostOf(compileTable(await entries()).find({ host: at, method: "GET", target: "/", lines: "" }));
  };
  await claim("zoe", "a.t1.cloud.test");
  await claim("ann", "*.b.t1.cloud.test");
  await claim("mia", "*.t1.cloud.test");
  equal(await served("x.t1.cloud.test"), "*.t1.cloud.test");
  equal(await served("c.a.t1.cloud.test"), undefined);
  equal(await served("b.t1.cloud.test"), undefined);
  equal(await served("x.b.t1.cloud.test"), "*.b.t1.cloud.test");
  await claim("zoe", "*.cloud.test");
  equal(await served("c.a.t1.cloud.test"), "*.cloud.test");
});
