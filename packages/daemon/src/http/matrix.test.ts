/** `fixtures/auth/matrix.json` against the API over TCP: every row is a request, and its answer is what the row says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { type Cast, createCast, type Row, recordState } from "../testing/matrix-cast.ts";
import { type Pair, pairProject, pairRow, prepareRow, RECIPES, type Sending } from "../testing/matrix-requests.ts";
import { itemsPut, refusalOf, Wire, type WireAnswer } from "../testing/matrix-wire.ts";
import { startTestCluster } from "../testing/test-cluster.ts";

const file = new URL("../../../../fixtures/auth/matrix.json", import.meta.url);
const { rows } = JSON.parse(readFileSync(file, "utf8")) as { rows: readonly Row[] };
const AT_ONCE = 8;

let cast: Cast;
let wire: Wire;
/** Taken down also when the cast could not be made. */
const parts = new AsyncDisposableStack();

before(async () => {
  const cluster = parts.use(await startTestCluster());
  wire = parts.use(new Wire(cluster.apiUrl, AT_ONCE));
  cast = await createCast(cluster);
});
after(() => parts.disposeAsync());

/** Results in the order of `items`, a few at a time. */
async function mapAtOnce<T, R>(items: readonly T[], work: (item: T, n: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [n, item] of queue) results[n] = await work(item, n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

const watchEnough = (body: string) => /^event: (progress|end)$/m.test(body);

function send({ recipe, request }: Sending): Promise<WireAnswer> {
  return recipe.route !== undefined ? wire.send(request, watchEnough) : wire.send(request);
}

/** The word of the matrix for an answer; anything that has none is told as it is. */
function judge({ route, recipe, subject }: Sending, answer: WireAnswer): string {
  const { code, reason, detail } = refusalOf(answer);
  const told = `${answer.status} ${code ?? ""}${reason === undefined ? "" : `/${reason}`} ${detail ?? ""}`.trim();
  if (answer.status === 401) return "unauthenticated";
  // The answer to HEAD has no body that could say why.
  if (answer.status === 403) return told === "403" || told.startsWith("403 forbidden ") ? "forbidden" : told;
  if (answer.status === 404) return told === "404" || told.startsWith("404 not_found ") ? "hidden" : told;
  if (answer.status === recipe.lawful) return "allow";
  if (answer.status !== route.status) return told;
  const { shows } = recipe;
  if (shows === undefined) return "allow";
  return itemsOf(answer).some((item) => shows(item as never, subject)) ? "allow" : "hidden";
}

function itemsOf({ headers, body }: WireAnswer): unknown[] {
  if (headers["content-type"] === "text/event-stream") {
    if (!body.includes("event: progress")) throw new Error(`the stream ended with ${body.slice(-300)}`);
    return itemsPut(body);
  }
  const page = JSON.parse(body) as { items: unknown[]; nextPage?: string };
  assert.equal(page.nextPage, undefined, "one page holds it all");
  return page.items;
}

async function outcome(row: Row, n: number): Promise<string> {
  try {
    const sending = await prepareRow(cast, row, n);
    return judge(sending, await send(sending));
  } catch (error) {
    return `failed: ${error}`;
  }
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function assertNone(differences: readonly (readonly string[])[], head: readonly string[], what: string): void {
  if (differences.length > 0) assert.fail(`${differences.length} ${what}\n${table([head, ...differences])}`);
}

describe("the permission matrix over HTTP", () => {
  test("every route of the contract can be sent, and has rows", () => {
    const asked = new Set(rows.map(({ route }) => route));
    assert.deepEqual(
      ROUTES.map(({ id }) => id).filter((id) => RECIPES[id] === undefined || !asked.has(id)),
      [],
    );
    assert.deepEqual([...asked].sort(), Object.keys(RECIPES).sort());
  });

  test("each row comes out as the matrix says, and what was refused was not done", async (t) => {
    const startMs = performance.now();
    const state = await recordState(cast);
    const outcomes = await mapAtOnce(rows, outcome);
    const differences = rows.flatMap(({ principal, route, target, expect }, n) =>
      outcomes[n] === expect ? [] : [[principal, route, target, expect, outcomes[n] ?? "nothing"]],
    );
    // A hole may have cost somebody of the cast the credential; the table is worth more then.
    const stateAfter = await recordState(cast).catch((error: unknown) => new Map([["the cast", `lost: ${error}`]]));
    for (const what of new Set([...state.keys(), ...stateAfter.keys()])) {
      const [then = "nothing", now = "nothing"] = [state.get(what), stateAfter.get(what)];
      if (now !== then) differences.push(["", "", what, then, now]);
    }
    assertNone(differences, ["principal", "route", "target", "expected", "got"], `of ${rows.length} rows differ`);
    assert.ok(rows.length > 1000, `${rows.length} rows`);
    t.diagnostic(`${rows.length} rows in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  });

  test("what may not be read is answered exactly as what never existed", async (t) => {
    const pairs = rows.filter(isRefused).map((row) => ({ row, pair: pairRow(cast, row) }));
    for (const row of rows) {
      if (row.route !== "project.get" || row.expect !== "hidden") continue;
      for (const listId of [
        "bucket.list",
        "binding.list",
        "route.list",
        "container.list",
        "volume.list",
        "network.list",
      ]) {
        if (seesSome(row, listId)) continue;
        for (const name of ["project", "projectUid"] as const) {
          for (const watch of [false, true]) {
            const listed = { ...row, route: `${listId}?${name}${watch ? "&watch" : ""}` };
            pairs.push({ row: listed, pair: pairProject(cast, row, listId, name, watch) });
          }
        }
      }
    }
    const differences = await mapAtOnce(pairs, async ({ row, pair }) => {
      const difference = await compare(pair);
      return difference === undefined ? [] : [[row.principal, row.route, row.target, difference]];
    });
    assertNone(differences.flat(), ["principal", "route", "target", "difference"], "answers give away what exists");
    assert.ok(pairs.length > 400, `${pairs.length} pairs`);
    t.diagnostic(`${pairs.length} pairs of answers`);
  });
});

/** Rows of one thing whose answer must not say whether it exists. */
function isRefused({ route, expect }: Row): boolean {
  return ["hidden", "unauthenticated"].includes(expect) && (RECIPES[route]?.ghost.length ?? 0) > 0;
}

/** A token may see a project's buckets without seeing the project: then it is no secret. */
function seesSome({ principal, target }: Row, listId: string): boolean {
  return rows.some(
    (row) =>
      row.principal === principal &&
      row.route === listId &&
      row.expect === "allow" &&
      (row.target === target || row.target === `${target}/private`),
  );
}

/** How the two answers can be told apart; nothing when they cannot. */
async function compare({ real, ghost, restore }: Pair): Promise<string | undefined> {
  const [one, two] = [await wire.send(real, watchEnough), await wire.send(ghost, watchEnough)];
  const seen = ({ status, headers, body }: WireAnswer) => {
    const { date: _, "x-request-id": id, ...rest } = headers;
    return { status, headers: { ...rest, id: typeof id }, body: body.replace(String(id), "ID") };
  };
  try {
    assert.ok(one.status === 401 || one.status === 404, `status ${one.status}`);
    assert.deepEqual(seen({ ...two, body: restore(two.body) }), seen(one));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
