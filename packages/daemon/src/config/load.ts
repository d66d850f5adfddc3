/** From flags, variables and the file to one frozen configuration. */
import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import { readConfigFile } from "./file.ts";
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  type InKernel,
  type LogFormat,
  type LogLevel,
  OTHER_VARIABLES,
  SETTING_KEYS,
  SETTINGS,
  type Setting,
  type SettingKey,
  type Surroundings,
  TEST_VARIABLES,
  type Values,
} from "./settings.ts";
import { didYouMean, nearest } from "./suggest.ts";
import { type Address, isInside, pathOf, quoted, refusal, type Written } from "./values.ts";

/** What `skerryd` is asked to do. */
export type Action = "run" | "help" | "version" | "print-config";

/** Where a value came from. `where`: `--data`, `SKERRY_DATA`, `/etc/skerry.yaml:3:7`, `default`. */
export interface Source {
  readonly kind: "flag" | "variable" | "file" | "default";
  readonly where: string;
}

export interface Config {
  /** The data directory. All paths are absolute. */
  readonly data: string;
  readonly listen: { readonly api: Address; readonly http: Address; readonly https: Address };
  /** 0: this node serves no gateway traffic. */
  readonly gateway: {
    readonly workers: number;
    readonly tlsMinVersion: TlsVersion;
    readonly ports: string;
    readonly accessLog: string;
    readonly proxyProtocolFrom: readonly string[];
    readonly inKernel: InKernel;
  };
  /** Empty: directories of our own under the data directory. */
  readonly storage: { readonly directories: readonly string[] };
  /** The container engine, the range of its networks, and where published ports answer. */
  readonly engine: { readonly socket: string; readonly pool: string; readonly publish: string };
  /** `file` absent: standard output. */
  readonly log: { readonly format: LogFormat; readonly level: LogLevel; readonly file?: string };
  readonly node: { readonly name: string };
  /** The configuration file that was read. */
  readonly file?: string;
  readonly sources: Readonly<Record<SettingKey, Source>>;
}

export interface LoadOptions {
  /** Without the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  /** Whether standard output is a terminal. */
  readonly isTty: boolean;
  /** Where relative paths of flags and variables start. Default: the working directory. */
  readonly cwd?: string;
  /** Default: the machine's. */
  readonly hostname?: string;
}

interface Found {
  readonly written: Written;
  readonly source: Source;
}

const BOOLEAN_FLAGS = ["help", "version", "print-config"] as const;
const VALUE_FLAGS = [CONFIG_FLAG, ...SETTING_KEYS.map((key) => SETTINGS[key].flag)];

function tokensOf(argv: readonly string[]) {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple?: boolean }> = {};
  for (const flag of VALUE_FLAGS) options[flag] = { type: "string", multiple: true };
  for (const flag of BOOLEAN_FLAGS) options[flag] = { type: "boolean" };
  options["help"] = { type: "boolean", short: "h" };
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** What is asked for. Never throws: help must come whatever else is wrong. */
export function actionOf(argv: readonly string[]): Action {
  const given = new Set(tokensOf(argv).map((token) => (token.kind === "option" ? token.name : "")));
  return BOOLEAN_FLAGS.find((flag) => given.has(flag)) ?? "run";
}

/**
 * The configuration that flags, variables, file and defaults give together.
 * @throws `invalid` with the place and the fix; `unsupported` for a listener off loopback; `invalid/too-large` (file).
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const base = options.cwd ?? process.cwd();
  const { homeDir, isTty } = options;
  const flags = readFlags(options.argv, base, homeDir);
  const variables = readVariables(options.env, base, homeDir);
  const named = flags.get(CONFIG_FLAG) ?? variables.get(CONFIG_FLAG);
  const file = named === undefined ? undefined : pathOf(named.written);
  const settings = file === undefined ? undefined : await readConfigFile(file, homeDir);
  const surroundings = { homeDir, isTty, hostname: options.hostname ?? hostname(), cores: availableParallelism() };

  const sources = {} as Record<SettingKey, Source>;
  const values: Record<string, unknown> = {};
  for (const key of SETTING_KEYS) {
    const inFile = settings?.get(key);
    const found = flags.get(key) ?? variables.get(key) ?? (inFile && { written: inFile, source: fileSource(inFile) });
    sources[key] = found?.source ?? { kind: "default", where: "default" };
    values[key] = settle(SETTINGS[key], found, surroundings);
  }
  const config = nest(values as unknown as Values, sources, file);
  assertApart(config);
  return config;
}

function settle(setting: Setting<unknown>, found: Found | undefined, surroundings: Surroundings): unknown {
  return found === undefined ? setting.fallback(surroundings) : setting.parse(found.written);
}

function fileSource(written: Written): Source {
  // `FILE:LINE:COLUMN: key`
  return { kind: "file", where: written.place.slice(0, written.place.lastIndexOf(": ")) };
}

function nest(values: Values, sources: Config["sources"], file: string | undefined): Config {
  const logFile = values["log.file"];
  return {
    data: values.data,
    listen: { api: values["listen.api"], http: values["listen.http"], https: values["listen.https"] },
    gateway: {
      workers: values["gateway.workers"],
      tlsMinVersion: values["gateway.tlsMinVersion"],
      ports: values["gateway.ports"],
      accessLog: values["gateway.accessLog"],
      proxyProtocolFrom: values["gateway.proxyProtocolFrom"],
      inKernel: values["gateway.inKernel"],
    },
    storage: { directories: values["storage.directories"] },
    engine: { socket: values["engine.socket"], pool: values["engine.pool"], publish: values["engine.publish"] },
    log: {
      format: values["log.format"],
      level: values["log.level"],
      ...(logFile === undefined ? {} : { file: logFile }),
    },
    node: { name: values["node.name"] },
    ...(file === undefined ? {} : { file }),
    sources,
  };
}

/** Each copy of a chunk lies in a directory of its own. For who starts a daemon with it. @throws `invalid`. */
export function assertEnoughStorage({ storage: { directories }, sources }: Config): void {
  const { replicas } = LIMITS.objects;
  if (directories.length === 0 || directories.length >= replicas) return;
  throw refusal(
    sources["storage.directories"].where,
    `${replicas} copies need ${replicas} directories, and ${directories.length} ${directories.length === 1 ? "is" : "are"} named.`,
    `Name one for each disk: --storage-dir /mnt/a,/mnt/b,/mnt/c. Without any, ${replicas} are made in the data directory.`,
  );
}

/** Nothing that the settings name may lie where something else of ours lies. */
function assertApart({ data, storage, log, sources }: Config): void {
  for (const directory of storage.directories) {
    if (isInside(data, directory) || (isInside(directory, data) && !isInside(directory, `${data}/storage`))) {
      throw refusal(
        sources["storage.directories"].where,
        `${quoted(directory)} overlaps the data directory ${quoted(data)}.`,
        `Choose a directory outside it, or beneath ${quoted(resolve(data, "storage"))}.`,
      );
    }
  }
  const { file } = log;
  if (file === undefined) return;
  const taken = [data, ...storage.directories].find((directory) => isInside(file, directory));
  if (taken === undefined || (file.startsWith(`${data}/log/`) && taken === data)) return;
  throw refusal(
    sources["log.file"].where,
    `${quoted(file)} lies in ${quoted(taken)}, among files of Skerry.`,
    `Choose a file outside it, or beneath ${quoted(resolve(data, "log"))}.`,
  );
}

/** Key of the setting (or `config`) -> what the command line says. */
function readFlags(argv: readonly string[], base: string, homeDir: string): Map<string, Found> {
  const given = new Map<string, string[]>();
  for (const token of tokensOf(argv)) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      throw refusal(quoted(token.value), "this argument is not expected.", "See skerryd --help.");
    }
    const { name, rawName, value } = token;
    if ((BOOLEAN_FLAGS as readonly string[]).includes(name)) {
      if (value !== undefined) throw refusal(rawName, "it takes no value.", `Write ${rawName} alone.`);
    } else if (VALUE_FLAGS.includes(name)) {
      if (value === undefined || (!token.inlineValue && value.startsWith("-"))) {
        throw refusal(rawName, "its value is missing.", `Write ${rawName} VALUE, or ${rawName}=VALUE.`);
      }
      given.set(name, [...(given.get(name) ?? []), value]);
    } else {
      const near = nearest(name, [...VALUE_FLAGS, ...BOOLEAN_FLAGS]);
      const meant = didYouMean(near === undefined ? undefined : `--${near}`);
      throw refusal(quoted(rawName).slice(1, -1), `there is no such flag.${meant}`, "See skerryd --help.");
    }
  }
  return collect(
    given,
    (row) => row.flag,
    CONFIG_FLAG,
    (name) => `--${name}`,
    { kind: "flag", base, homeDir },
  );
}

/** Key of the setting (or `config`) -> what the environment says. */
function readVariables(env: LoadOptions["env"], base: string, homeDir: string): Map<string, Found> {
  const known = [CONFIG_VARIABLE, ...SETTING_KEYS.map((key) => SETTINGS[key].variable)];
  const given = new Map<string, string[]>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("SKERRY_") || value === undefined) continue;
    if (OTHER_VARIABLES.includes(name) || name.startsWith(TEST_VARIABLES)) continue;
    if (!known.includes(name)) {
      const near = nearest(name, [...known, ...OTHER_VARIABLES]);
      const place = quoted(name).slice(1, -1);
      throw refusal(place, `there is no such variable.${didYouMean(near)}`, `Unset it: unset ${place}`);
    }
    given.set(name, [value]);
  }
  return collect(
    given,
    (row) => row.variable,
    CONFIG_VARIABLE,
    (name) => name,
    { kind: "variable", base, homeDir },
  );
}

function collect(
  given: ReadonlyMap<string, readonly string[]>,
  nameOf: (row: Setting<unknown>) => string,
  configName: string,
  placeOf: (name: string) => string,
  from: { kind: "flag" | "variable"; base: string; homeDir: string },
): Map<string, Found> {
  const result = new Map<string, Found>();
  const { kind, base, homeDir } = from;
  const add = (key: string, name: string, several: boolean): void => {
    const texts = given.get(name);
    if (texts === undefined) return;
    const place = placeOf(name);
    const common = { place, base, homeDir };
    if (!several && texts.length > 1) throw refusal(place, "it is given twice.", "Keep one of them.");
    const items = texts.flatMap((text) => text.split(",")).map((value): Written => ({ ...common, value }));
    const written: Written = several ? { ...common, value: items } : { ...common, value: texts[0] ?? "" };
    result.set(key, { written, source: { kind, where: place } });
  };
  add(CONFIG_FLAG, configName, false);
  for (const key of SETTING_KEYS) {
    const row: Setting<unknown> = SETTINGS[key];
    add(key, nameOf(row), row.several === true);
  }
  return result;
}
