import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { createMetrics } from "./metrics.ts";

/** Series of a metric: labels -> value. */
async function series(metrics: ReturnType<typeof createMetrics>, name: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const line of (await metrics.render()).split("\n")) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] === name) found.set(match[2] ?? "", Number(match[3]));
  }
  return found;
}

describe("instruments", () => {
  test("count, observe, and are read when scraped", async () => {
    const metrics = createMetrics();
    const requests = metrics.counter("skerry_http_requests_total", "Requests.", ["route", "status"]);
    requests();
    requests(2, { route: "a", status: "200" });
    requests(3, { status: "200", route: "a" });
    let depth = 1;
    metrics.gauge("skerry_queue_depth", "Depth.", () => depth);
    depth = 7;
    const seconds = metrics.histogram("skerry_http_seconds", "Time.", [0.1, 1], ["route"]);
    seconds(0.05, { route: "a" });
    seconds(5, { route: "a" });
    assert.deepEqual(
      await series(metrics, "skerry_http_requests_total"),
      new Map([
        ['route="",status=""', 1],
        ['route="a",status="200"', 5],
      ]),
    );
    assert.equal((await series(metrics, "skerry_queue_depth")).get(""), 7);
    assert.deepEqual(
      await series(metrics, "skerry_http_seconds_bucket"),
      new Map([
        ['le="0.1",route="a"', 1],
        ['le="1",route="a"', 1],
        ['le="+Inf",route="a"', 2],
      ]),
    );
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/);
  });

  test("families are read when scraped: what is gone goes, and what is too much is one row", async () => {
    const metrics = createMetrics();
    let routes = Array.from({ length: LIMITS.metrics.maxLabelSets + 3 }, (_, n) => [{ route: `r${n}` }, n] as const);
    metrics.family("counter", "skerry_r_bytes_total", "Bytes.", ["route"], () => routes);
    metrics.family("gauge", "skerry_r_open", "Open.", ["route"], () => {
      throw new Error("not now");
    });
    const all = await series(metrics, "skerry_r_bytes_total");
    const most = LIMITS.metrics.maxLabelSets;
    assert.equal(all.size, most + 1);
    assert.deepEqual([all.get('route="r7"'), all.get('route="other"')], [7, 3 * most + 3]);
    routes = [[{ route: "r7" }, 9]];
    assert.deepEqual(await series(metrics, "skerry_r_bytes_total"), new Map([['route="r7"', 9]]));
    assert.equal((await series(metrics, "skerry_r_open")).size, 0);
  });

  test("of the same name are the same; another shape under the name is a mistake", async () => {
    const metrics = createMetrics();
    const first = metrics.counter("skerry_x_total", "X.", ["a"]);
    assert.equal(metrics.counter("skerry_x_total", "X.", ["a"]), first);
    const histogram = metrics.histogram("skerry_y_seconds", "Y.", [1]);
    assert.equal(metrics.histogram("skerry_y_seconds", "Y.", [1]), histogram);
    metrics.gauge("skerry_z", "Z.", () => 1);
    metrics.gauge("skerry_z", "Z.", () => 2);
    assert.equal((await series(metrics, "skerry_z")).get(""), 2, "the last that was registered is read");
    assert.throws(() => metrics.counter("skerry_x_total", "X.", ["b"]), /skerry_x_total/);
    assert.throws(() => metrics.gauge("skerry_x_total", "X.", () => 1), /skerry_x_total/);
    assert.throws(() => metrics.counter("Bad-name", "X."), /not a name/);
  });

  test("are apart in two registries", async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.counter("skerry_x_total", "X.")();
    assert.equal((await series(one, "skerry_x_total")).get(""), 1);
    assert.equal((await series(two, "skerry_x_total")).size, 0);
  });

  test("never break what they count, nor one another", async () => {
    const metrics = createMetrics();
    const counter = metrics.counter("skerry_x_total", "X.", ["a"]);
    const histogram = metrics.histogram("skerry_y_seconds", "Y.", [1]);
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) counter(value, { a: "v" });
    histogram(Number.NaN);
    counter(1, { b: "not declared" });
    counter(1, { a: 'quote " and \n line' });
    metrics.gauge("skerry_broken", "Broken.", () => assert.fail("read"));
    metrics.gauge("skerry_wrong", "Wrong.", () => "text" as unknown as number);
    assert.deepEqual(
      await series(metrics, "skerry_x_total"),
      new Map([
        ['a=""', 1],
        ['a="quote \\" and \\n line"', 1],
      ]),
    );
    assert.ok(Number.isNaN((await series(metrics, "skerry_broken")).get("")));
    assert.ok(Number.isNaN((await series(metrics, "skerry_wrong")).get("")));
  });
});

test("label combinations are bounded: those beyond are counted under other, none is lost", async () => {
  const metrics = createMetrics();
  const counter = metrics.counter("skerry_x_total", "X.", ["who", "what"]);
  const histogram = metrics.histogram("skerry_y_seconds", "Y.", [1], ["who"]);
  const most = LIMITS.metrics.maxLabelSets;
  for (let index = 0; index < most * 3; index++) {
    counter(1, { who: `w${index}`, what: "x".repeat(10_000) });
    histogram(1, { who: `w${index}` });
  }
  counter(1, { who: "w0", what: "x".repeat(10_000) });
  const counted = await series(metrics, "skerry_x_total");
  assert.equal(counted.size, most + 1);
  assert.equal(counted.get('who="other",what="other"'), most * 2);
  assert.equal(counted.get(`who="w0",what="${"x".repeat(LIMITS.metrics.maxLabelLength)}"`), 2);
  assert.equal((await series(metrics, "skerry_y_seconds_count")).get('who="other"'), most * 2);
});

test("the process tells of itself", async () => {
  const metrics = createMetrics();
  const value = async (name: string) => (await series(metrics, name)).get("") ?? Number.NaN;
  const cpu = await value("process_cpu_seconds_total");
  for (const end = performance.now() + 50; performance.now() < end; );
  assert.ok((await value("process_cpu_seconds_total")) > cpu, "grows, and is not added up by scraping");
  assert.ok((await value("process_cpu_seconds_total")) < process.cpuUsage().user / 1e6 + 60);
  assert.ok((await value("process_resident_memory_bytes")) > 1e7);
  assert.ok((await value("process_open_fds")) > 3);
  assert.ok((await value("nodejs_heap_used_bytes")) > 1e5);
  const busy = await value("nodejs_eventloop_utilization_ratio");
  assert.ok(busy >= 0 && busy <= 1, `${busy}`);
  assert.ok(Math.abs((await value("process_start_time_seconds")) - Date.now() / 1000) < 3600);
});
