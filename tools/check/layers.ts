/**
 * The import rule, in one table: biome.json's overrides are made from it (biome-config.ts), and the tidy test checks the
 * real, resolved imports against it (rule-layers.ts).
 */

export interface Layer {
  /** How the other rows name it. */
  readonly name: string;
  readonly folder: string;
  /** Layers that it may import besides itself. */
  readonly may: readonly string[];
}

const CORE = "packages/core/src";
/** They meet through ports in `domain/` and never import one another. */
const FEATURES = ["auth", "gateway", "storage", "compute"] as const;
const CORE_LAYERS = ["domain", "platform", "store", "jobs", ...FEATURES, "contract"] as const;

export const LAYERS: readonly Layer[] = [
  { name: "domain", folder: `${CORE}/domain`, may: [] },
  ...["platform", "store", "jobs", ...FEATURES, "contract"].map((name) => ({
    name,
    folder: `${CORE}/${name}`,
    may: ["domain"],
  })),
  { name: "testing", folder: `${CORE}/testing`, may: CORE_LAYERS },
  { name: "daemon", folder: "packages/daemon/src", may: CORE_LAYERS },
  { name: "daemon-testing", folder: "packages/daemon/src/testing", may: [...CORE_LAYERS, "testing", "daemon"] },
  { name: "cli", folder: "packages/cli/src", may: ["contract"] },
  { name: "tui", folder: "packages/tui/src", may: ["contract"] },
];

/**
 * The only ways through the wall around cli and tui: dynamic `import()`s of a literal, one in each of these files, so
 * that the plain CLI loads nothing of the daemon.
 */
export const LAZY_IMPORTS: readonly { readonly specifier: string; readonly file: string; readonly why: string }[] = [
  {
    specifier: "@skerry/daemon/main.ts",
    file: "packages/cli/src/commands/up.ts",
    why: "`skerry up` runs the daemon in the foreground",
  },
  {
    specifier: "@skerry/daemon/main.ts",
    file: "packages/cli/src/commands/user/reset-password.ts",
    why: "`skerry user reset-password` works on the data directory of a stopped daemon",
  },
  {
    specifier: "@skerry/daemon/doctor/doctor.ts",
    file: "packages/cli/src/commands/doctor.ts",
    why: "`skerry doctor` looks at this machine, also when no daemon runs",
  },
  {
    specifier: "@skerry/daemon/backup/unpack.ts",
    file: "packages/cli/src/commands/backup/create.ts",
    why: "`skerry backup create` reads what it wrote before it says that there is a backup",
  },
  {
    specifier: "@skerry/daemon/backup/unpack.ts",
    file: "packages/cli/src/commands/backup/verify.ts",
    why: "`skerry backup verify` reads a backup without a daemon",
  },
  {
    specifier: "@skerry/daemon/backup/restore.ts",
    file: "packages/cli/src/commands/backup/restore.ts",
    why: "`skerry backup restore` works on the data directory of a stopped daemon",
  },
  { specifier: "@skerry/tui/run.tsx", file: "packages/cli/src/commands/ui.ts", why: "`skerry ui` runs the TUI" },
  {
    specifier: "@skerry/tui/top.ts",
    file: "packages/cli/src/commands/top.ts",
    why: "`skerry top` draws charts in a process of its own",
  },
];

/** Tests, benchmarks, journeys and tools see everything: nothing imports them. */
export function isOutsideTheLayers(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || /^packages\/[^/]+\/(bench|journeys)\//.test(path) || path.startsWith("tools/");
}

/** The innermost layer that holds the file (a path from the root of the checkout). */
export function layerOf(path: string): Layer | undefined {
  return LAYERS.filter((layer) => path.startsWith(`${layer.folder}/`)).sort(
    (a, b) => b.folder.length - a.folder.length,
  )[0];
}

export function mayImport(from: Layer, to: Layer): boolean {
  return from.name === to.name || from.may.includes(to.name);
}
