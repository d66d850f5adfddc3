/**
 * The program that draws the charts: a child of `skerry top`, so that blessed and all that it needs stay out of the CLI.
 * It shows what it is told, leaves on q, and ends with its parent.
 */
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import blessed from "blessed";
import contrib from "blessed-contrib";
import { COLOR_VARIABLE, TITLE_VARIABLE, type TopMessage } from "./message.ts";
import type { Sample, Traffic } from "./metrics.ts";
import type { RouteTraffic } from "./route-traffic.ts";

/** Points of a chart; older ones go. */
const POINTS = 60;
const MiB = 1024 * 1024;
const MAX_ROUTES = 8;
const MIN_WIDTH = 50;
const MIN_HEIGHT = 16;

const title = process.env[TITLE_VARIABLE] ?? "";
if (process.env[COLOR_VARIABLE] !== "1") leaveColorsOut();

const screen = blessed.screen({ smartCSR: true, fullUnicode: true, forceUnicode: true, title: "skerry top" });
const head = blessed.text({ parent: screen, top: 0, left: 1, height: 1, content: `${title}  asking ...` });

interface Chart {
  /** One more point for each line; undefined: there is nothing to show. */
  readonly add: (label: string, values: readonly (number | undefined)[]) => void;
  /** Forgets what it has shown: it shows something else from now on. */
  readonly clear: () => void;
  /** On the screen as it is now, with what it has. */
  readonly show: () => void;
  /** Off the screen: it goes on to collect. */
  readonly hide: () => void;
}

/** At the left or right, in the upper or lower half. `colors`: of its lines. */
function chart([side, half]: readonly [0 | 1, 0 | 1], first: string, colors: readonly string[]): Chart {
  const options = {
    // A twelfth each for the first line and the last.
    left: `${side * 50}%`,
    top: `${((1 + half * 5) * 100) / 12}%`,
    width: "50%",
    height: `${500 / 12}%`,
    border: { type: "line", fg: "cyan" },
    label: ` ${first} `,
    style: { text: "white", baseline: "white" },
    showLegend: false,
    minY: 0,
    numYLabels: 4,
    xLabelPadding: 2,
    xPadding: 4,
    wholeNumbersOnly: false,
  };
  // Not on the screen yet: a canvas cannot be made where there is no room for one.
  const widget = contrib.line(options as unknown as contrib.Widgets.LineOptions);
  const lines = colors.map((color) => ({ color, points: [] as number[] }));
  const draw = () => {
    if (widget.detached || lines.every(({ points }) => points.length === 0)) return;
    widget.options.maxY = Math.max(1, ...lines.flatMap(({ points }) => points)) * 1.2;
    widget.setData(
      lines.map(({ color, points: y }, i) => ({
        title: `${i}`,
        x: y.map((_, n) => ageLabel(y.length - 1 - n)),
        y,
        style: { line: color },
      })),
    );
  };
  return {
    add(label, values) {
      for (const [i, { points }] of lines.entries()) {
        points.push(values[i] ?? 0);
        if (points.length > POINTS) points.shift();
      }
      widget.setLabel(` ${label} `);
      draw();
    },
    clear() {
      for (const { points } of lines) points.length = 0;
    },
    show() {
      // Anew: a canvas is as large as it was when it came to the screen.
      screen.prepend(widget);
      draw();
    },
    hide: () => widget.detach(),
  };
}

/** The parent asks every two seconds. */
function ageLabel(points: number): string {
  return points === 0 ? "now" : `-${points * 2}s`;
}

function figure(value: number | undefined): string {
  if (value === undefined) return "-";
  return value >= 100 ? `${Math.round(value)}` : value.toFixed(1);
}

const cpu = chart([0, 0], "CPU % of a core", ["green"]);
const memory = chart([1, 0], "Memory MiB", ["cyan"]);
const requests = chart([0, 1], "Requests/s", ["yellow", "cyan"]);
const latency = chart([1, 1], "Latency ms", ["green", "yellow", "red"]);
const charts = [cpu, memory, requests, latency];
const foot = blessed.text({ parent: screen, bottom: 0, left: 1, height: 1, content: "q quit" });
const small = blessed.box({ parent: screen, hidden: true, width: "100%", height: "100%", content: "Make it larger" });

/** Whose latency is shown: that of the sites as soon as there is any, that of the API until then. */
let shown: "API" | "Gateway" = "API";

function show(sample: Sample): void {
  const { cpuPercent, memoryBytes, api, gateway, routes, gatewayRoutes } = sample;
  if (shown === "API" && gateway.perSecond > 0) {
    shown = "Gateway";
    latency.clear();
  }
  const memoryMiB = memoryBytes / MiB;
  cpu.add(`CPU % of a core  ${figure(cpuPercent)}`, [cpuPercent]);
  memory.add(`Memory MiB  ${figure(memoryMiB)}`, [memoryMiB]);
  const told = `Requests/s  gateway ${figure(gateway.perSecond)}  API ${figure(api.perSecond)}`;
  requests.add(told, [gateway.perSecond, api.perSecond]);
  const { p50Ms, p95Ms, p99Ms } = shown === "API" ? api : gateway;
  latency.add(latencyLabel(shown === "API" ? api : gateway), [p50Ms, p95Ms, p99Ms]);
  head.setContent(`${title}  ● live  ${formatBytes(memoryBytes)}`);
  const apart = gatewayRoutes.slice(0, MAX_ROUTES).map(routeText);
  const busiest = routes.slice(0, MAX_ROUTES).map(({ route, perSecond }) => `${route} ${figure(perSecond)}/s`);
  foot.setContent(["q quit", ...apart, ...busiest].join("   "));
  screen.render();
}

/** Names of routes are of characters that act on no terminal. */
function routeText({ route, perSecond, errorsPerSecond, p50Ms, p99Ms }: RouteTraffic): string {
  const errors = errorsPerSecond > 0 ? ` errors ${figure(errorsPerSecond)}/s` : "";
  return `${route} ${figure(perSecond)}/s p50 ${figure(p50Ms)} p99 ${figure(p99Ms)} ms${errors}`;
}

function latencyLabel({ p50Ms, p95Ms, p99Ms }: Traffic): string {
  if (p50Ms === undefined) return `${shown} ms  no requests`;
  return `${shown} ms  p50 ${figure(p50Ms)} p95 ${figure(p95Ms)} p99 ${figure(p99Ms)}`;
}

/** Charts in a corner say nothing. */
function fit(): void {
  const fits = Number(screen.width) >= MIN_WIDTH && Number(screen.height) >= MIN_HEIGHT;
  small.hidden = fits;
  for (const { show, hide } of charts) fits ? show() : hide();
  // What was in its place is not known to be gone otherwise.
  screen.realloc();
}

/** What it writes keeps its attributes and loses its colours. */
function leaveColorsOut(): void {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    const plain = text.replace(/\x1b\[([\d;]*)m/g, (_, codes: string) => {
      const kept = codes.replace(/\b[34]8;(?:5;\d+|2;\d+;\d+;\d+)/g, "").split(";");
      const attributes = kept.filter((code) => code === "" || Number(code) < 30);
      return attributes.length === 0 ? "" : `\x1b[${attributes.join(";")}m`;
    });
    return write(plain, ...rest);
  }) as typeof process.stdout.write;
}

function leave(): void {
  screen.destroy();
  process.exit(0);
}

screen.key(["q", "escape", "C-c"], leave);
process.on("message", (message: TopMessage) => {
  if (message.kind === "sample") show(message.sample);
  else {
    head.setContent(`${title}  ▲ stale  ${message.reason}`);
    screen.render();
  }
});
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(signal, leave);
process.on("disconnect", leave);
screen.on("resize", () => {
  fit();
  screen.render();
});
fit();
screen.render();
