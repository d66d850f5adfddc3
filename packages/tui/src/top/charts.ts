/**
 * The program that draws the charts: a child of `skerry top`, so that blessed and all that it needs stay out of the CLI.
 * It shows what it is told, leaves on q, and ends with its parent.
 */
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import blessed from "blessed";
import contrib from "blessed-contrib";
import { COLOR_VARIABLE, TITLE_VARIABLE, type TopMessage } from "./message.ts";
import type { Sample } from "./metrics.ts";

/** Points of a chart; older ones go. */
const POINTS = 60;
const MiB = 1024 * 1024;
const MAX_ROUTES = 8;

const title = process.env[TITLE_VARIABLE] ?? "";
if (process.env[COLOR_VARIABLE] !== "1") leaveColorsOut();

const screen = blessed.screen({ smartCSR: true, fullUnicode: true, forceUnicode: true, title: "skerry top" });
const grid = new contrib.grid({ rows: 12, cols: 12, screen });
const head = blessed.text({ parent: screen, top: 0, left: 1, height: 1, content: `${title}  asking ...` });

interface Chart {
  /** The newest last; undefined: there is nothing to show. */
  readonly points: (number | undefined)[];
  readonly draw: () => void;
  /** The canvas of a chart is as large as it was when it was attached. */
  readonly resize: () => void;
}

function chart(at: readonly [row: number, column: number], label: string, color: string): Chart {
  const style = { line: color, text: "white", baseline: "white" };
  const options = {
    label,
    style,
    showLegend: false,
    minY: 0,
    numYLabels: 4,
    xLabelPadding: 2,
    xPadding: 4,
    wholeNumbersOnly: false,
  };
  const widget = grid.set(at[0], at[1], 5, 6, contrib.line, options) as contrib.Widgets.LineElement;
  const points: (number | undefined)[] = [];
  return {
    points,
    resize: () => void widget.emit("attach"),
    draw() {
      const y = points.map((point) => point ?? 0);
      widget.options.maxY = Math.max(1, ...y) * 1.2;
      widget.setData([
        { title: label, x: points.map((_, i) => ageLabel(points.length - 1 - i)), y, style: { line: color } },
      ]);
      const last = points.at(-1);
      widget.setLabel(` ${label}  ${last === undefined ? "-" : figure(last)} `);
    },
  };
}

/** The parent asks every two seconds. */
function ageLabel(points: number): string {
  return points === 0 ? "now" : `-${points * 2}s`;
}

function figure(value: number): string {
  return value >= 100 ? `${Math.round(value)}` : value.toFixed(1);
}

const cpu = chart([1, 0], "CPU % of a core", "green");
const memory = chart([1, 6], "Memory MiB", "cyan");
const requests = chart([6, 0], "Requests/s", "yellow");
const latency = chart([6, 6], "Latency ms, p99", "magenta");
const charts: readonly (readonly [Chart, (sample: Sample) => number | undefined])[] = [
  [cpu, ({ cpuPercent }) => cpuPercent],
  [memory, ({ memoryBytes }) => memoryBytes / MiB],
  [requests, ({ requestsPerSecond }) => requestsPerSecond],
  [latency, ({ p99Ms }) => p99Ms],
];
const foot = blessed.text({ parent: screen, bottom: 0, left: 1, height: 1, content: "q quit" });

function show(sample: Sample): void {
  for (const [{ points, draw }, pick] of charts) {
    points.push(pick(sample));
    if (points.length > POINTS) points.shift();
    draw();
  }
  const { memoryBytes, p50Ms, routes } = sample;
  const half = p50Ms === undefined ? "" : `  half within ${figure(p50Ms)} ms`;
  head.setContent(`${title}  ● live  ${formatBytes(memoryBytes)}${half}`);
  const busiest = routes.slice(0, MAX_ROUTES).map(({ route, perSecond }) => `${route} ${figure(perSecond)}/s`);
  foot.setContent(["q quit", ...busiest].join("   "));
  screen.render();
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
  for (const [{ draw, points, resize }] of charts) {
    resize();
    if (points.length > 0) draw();
  }
  screen.render();
});
screen.render();
