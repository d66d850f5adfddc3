/** The bad files that the canary plants, by the rule that must fire on them, and good ones on which none may. */
import { posix } from "node:path";
import { LAYERS, type Layer, mayImport } from "./layers.ts";

export interface Planted {
  readonly path: string;
  readonly text: string;
  readonly bad: boolean;
}

/** Each layer importing each other one, as its author would write it. */
export function layerFiles(): Planted[] {
  const targets = LAYERS.map(({ folder }) => ({
    path: `${folder}/target.ts`,
    text: "export const it = 1;\n",
    bad: false,
  }));
  const pairs = LAYERS.flatMap((from) =>
    LAYERS.filter((to) => to !== from).map((to) => ({
      path: `${from.folder}/imports-${to.name}.ts`,
      text: `import { it } from "${specifier(from, to)}";\nexport const that = it;\n`,
      bad: !mayImport(from, to),
    })),
  );
  return [...targets, ...pairs];
}

function specifier(from: Layer, to: Layer): string {
  const [, fromPackage] = from.folder.split("/");
  const [, toPackage, , ...rest] = to.folder.split("/");
  if (fromPackage !== toPackage) return ["@skerry", toPackage, ...rest, "target.ts"].join("/");
  const relative = posix.relative(from.folder, `${to.folder}/target.ts`);
  return relative.startsWith(".") ? relative : `./${relative}`;
}

const CORE = "packages/core/src";

/** Ways around the text that Biome matches; the tidy test resolves them. */
export const DETOURS: readonly Planted[] = [
  { path: `${CORE}/auth/deep/er/detour.ts`, text: `export * from "../../../../src/store/target.ts";\n`, bad: true },
  { path: `${CORE}/auth/typed.ts`, text: `export type T = typeof import("../store/target.ts").it;\n`, bad: true },
  { path: `${CORE}/auth/lazy.ts`, text: "export const it = await import(`../store/target.ts`);\n", bad: true },
  {
    path: `${CORE}/auth/variable.ts`,
    text: `const at = "../store/target.ts";\nexport const it = await import(at);\n`,
    bad: true,
  },
  {
    path: `${CORE}/auth/thread.ts`,
    text: `export const at = new URL("../store/target.ts", import.meta.url);\n`,
    bad: true,
  },
  {
    path: `${CORE}/auth/either.ts`,
    text: `export const at = new URL(import.meta.url ? "./target.ts" : "../store/target.ts", import.meta.url);\n`,
    bad: true,
  },
  {
    path: `${CORE}/auth/own-thread.ts`,
    text: `export const at = new URL("./target.ts", import.meta.url);\n`,
    bad: false,
  },
  { path: `${CORE}/auth/suite.ts`, text: `import "node:test";\nexport * from "../store/target.ts";\n`, bad: false },
  { path: `${CORE}/auth/uses-suite.ts`, text: `export * from "./suite.ts";\n`, bad: true },
  { path: `${CORE}/auth/builtin.ts`, text: `export const fs = process.getBuiltinModule("node:fs");\n`, bad: true },
  {
    path: "packages/daemon/src/heavy.ts",
    text: `import { createServer } from "node:http";\nexport { createServer };\n`,
    bad: true,
  },
  {
    path: "packages/daemon/src/light.ts",
    text: `import type { Server } from "node:http";\nexport type { Server };\n`,
    bad: false,
  },
  {
    path: `${CORE}/auth/require.ts`,
    text: `import { createRequire } from "node:module";\nexport { createRequire };\n`,
    bad: true,
  },
  { path: `${CORE}/auth/uses-test.ts`, text: `export * from "../domain/some.test.ts";\n`, bad: true },
  { path: `${CORE}/orphan/file.ts`, text: "export const it = 1;\n", bad: true },
  { path: "packages/daemon/src/up.ts", text: `export * from "../../cli/src/target.ts";\n`, bad: true },
  {
    path: "packages/cli/src/commands/up.ts",
    text: `export const up = () => import("@skerry/daemon/main.ts");\n`,
    bad: false,
  },
  {
    path: "packages/cli/src/commands/up2.ts",
    text: `export const up = () => import("@skerry/daemon/main.ts");\n`,
    bad: true,
  },
  { path: "packages/cli/src/commands/ui.ts", text: `export * from "@skerry/tui/run.tsx";\n`, bad: true },
  {
    path: "packages/cli/src/other.ts",
    text: `export const node = () => import("@skerry/daemon/node.ts");\n`,
    bad: true,
  },
  {
    path: `${CORE}/auth/x.test.ts`,
    text: `import { it } from "../testing/target.ts";\nexport const that = it;\n`,
    bad: false,
  },
];

const promise = (name: string, text: string, bad = true): Planted => ({
  path: `${CORE}/jobs/promise-${name}.ts`,
  text: `${text}\n`,
  bad,
});

export const PROMISES: readonly Planted[] = [
  promise("own", "async function f(): Promise<void> {}\nf();"),
  promise("method", "const o = { async f(): Promise<number> { return 1; } };\no.f();"),
  promise("then", "const p: Promise<number> = Promise.resolve(1);\np.then((n) => n + 1);"),
  promise("all", "Promise.all([Promise.resolve(1)]);"),
  promise("fs", 'import { unlink } from "node:fs/promises";\nunlink("/nowhere");'),
  promise("timers", 'import { setTimeout as sleep } from "node:timers/promises";\nsleep(1);'),
  promise("listener", 'process.on("SIGTERM", async () => { await Promise.resolve(); });'),
  promise("for-each", "[1].forEach(async () => { await Promise.resolve(); });"),
  promise("condition", "const f = async (): Promise<boolean> => false;\nif (f()) process.exitCode = 1;"),
  promise("callback", "setTimeout(async () => { await Promise.resolve(); }, 1);"),
  promise("awaited", "const f = async (): Promise<void> => {};\nawait f();\nvoid f();\nf().catch(() => {});", false),
  promise(
    "test",
    'import { describe, suite, test, it } from "node:test";\ntest("t", () => {});\ndescribe("d", () => {});\nsuite("s", () => {});\nit("i", async () => {});',
    false,
  ),
];

const world = (name: string, text: string, bad = true): Planted => ({
  path: `${CORE}/storage/world-${name}.ts`,
  text: `${text}\n`,
  bad,
});

export const WORLD: readonly Planted[] = [
  world("now", "export const t = Date.now();"),
  world("now-computed", 'export const t = Date["now"]();'),
  world("now-taken", "const { now } = Date;\nexport const t = now();"),
  world("new-date", "export const t = new Date();"),
  world("performance", "export const t = performance.now();"),
  world("hrtime", "export const t = process.hrtime.bigint();"),
  world("timeout", "export const t = setTimeout(() => {}, 1);"),
  world("abort-timeout", "export const t = AbortSignal.timeout(5);"),
  world("random", "export const r = Math.random();"),
  world("random-taken", "const { random } = Math;\nexport const r = random();"),
  world("crypto-global", "export const r = crypto.randomUUID();"),
  world("crypto", 'import { randomBytes } from "node:crypto";\nexport const r = randomBytes(1);'),
  world("crypto-all", 'import * as all from "node:crypto";\nexport const r = all;'),
  world("global", "export const r = globalThis;"),
  world("fs", 'import { readFileSync } from "node:fs";\nexport const r = readFileSync;'),
  world("fs-lazy", 'export const r = await import("node:fs/promises");'),
  world("net", 'import net from "node:net";\nexport const r = net.connect;'),
  world("http", 'export { request } from "node:http";'),
  world("timers", 'import { setTimeout as sleep } from "node:timers/promises";\nexport const r = sleep;'),
  world("thread", 'import { Worker } from "node:worker_threads";\nexport const r = Worker;'),
  world("sqlite", 'import { DatabaseSync } from "node:sqlite";\nexport const r = DatabaseSync;'),
  world("package", 'import undici from "undici";\nexport const r = undici;'),
  world("fetch", 'export const r = fetch("http://127.0.0.1");'),
  world("environment", 'export const r = process.env["HOME"];'),
  world("default", "export const f = (now = Date.now) => now();"),
  world(
    "types",
    'import type { Socket } from "node:net";\nexport type S = Socket | typeof Date.now | typeof fetch;',
    false,
  ),
  world("pure-date", "export const t = (x: unknown) => x instanceof Date || new Date(0) || Date.UTC(2026);", false),
  world(
    "pure-hash",
    'import { createHash, timingSafeEqual } from "node:crypto";\nexport { createHash, timingSafeEqual };',
    false,
  ),
  world("pure-math", "export const m = Math.max(1, Math.floor(2.5));", false),
  world(
    "shadowed",
    "export function f(fetch: () => void, { performance }: { performance: number }) {\n  fetch();\n  return performance;\n}",
    false,
  ),
  world(
    "property",
    "export const f = (o: { fetch(): void; process: number }) => o.fetch() ?? { process: o.process };",
    false,
  ),
  world("words", '/** Date.now and setTimeout in words. */\nexport const s = "Math.random() and process.env";', false),
];

export const SHAPES: readonly Planted[] = [
  { path: `${CORE}/storage/utils.ts`, text: "export const it = 1;\n", bad: true },
  { path: `${CORE}/storage/test-helpers.ts`, text: "export const it = 1;\n", bad: true },
  { path: `${CORE}/storage/common/x.ts`, text: "export const it = 1;\n", bad: true },
  { path: `${CORE}/storage/commonplace.ts`, text: "export const it = 1;\n", bad: false },
  { path: `${CORE}/storage/long.ts`, text: "export {};\n".repeat(401), bad: true },
  { path: `${CORE}/storage/nearly.ts`, text: "export {};\n".repeat(400), bad: false },
  { path: `${CORE}/storage/long-function.ts`, text: `export function f() {\n${"  f();\n".repeat(69)}}\n`, bad: true },
  { path: `${CORE}/storage/right-function.ts`, text: `export function f() {\n${"  f();\n".repeat(68)}}\n`, bad: false },
  {
    path: `${CORE}/storage/chapter.ts`,
    text: `import { test } from "node:test";\nexport function f() {\n${"  test();\n".repeat(90)}}\n`,
    bad: false,
  },
  {
    path: `${CORE}/storage/tests-nothing.ts`,
    text: `export function f() {\n${"  test();\n".repeat(90)}}\n`,
    bad: true,
  },
  { path: `${CORE}/storage/y.test.ts`, text: `test("x", () => {\n${"  test();\n".repeat(90)}});\n`, bad: true },
  { path: `${CORE}/storage/x.test.ts`, text: `describe("x", () => {\n${"  test();\n".repeat(90)}});\n`, bad: false },
];

export const CYCLES: readonly Planted[] = [
  {
    path: `${CORE}/jobs/cycle-a.ts`,
    text: 'import { b } from "./cycle-b.ts";\nexport const a = () => b;\n',
    bad: true,
  },
  {
    path: `${CORE}/jobs/cycle-b.ts`,
    text: 'import { a } from "./cycle-a.ts";\nexport const b = () => a;\n',
    bad: true,
  },
  {
    path: `${CORE}/jobs/cycle-c.ts`,
    text: 'import type { D } from "./cycle-d.ts";\nexport type C = D | 1;\n',
    bad: true,
  },
  {
    path: `${CORE}/jobs/cycle-d.ts`,
    text: 'import type { C } from "./cycle-c.ts";\nexport type D = C | 2;\n',
    bad: true,
  },
  { path: `${CORE}/jobs/line-a.ts`, text: 'export { b } from "./line-b.ts";\n', bad: false },
  { path: `${CORE}/jobs/line-b.ts`, text: "export const b = 1;\n", bad: false },
];
