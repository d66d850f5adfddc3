/**
 * Every setting of the daemon, once. A setting has three spellings; the first that is given wins: flag > variable > key in
 * the file > default. Help, parsing, suggestions and `--print-config` are made from this table.
 */
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { TLS_VERSIONS, type TlsVersion } from "@skerry/core/gateway/tls/rules.ts";
import {
  type Address,
  accessLogOf,
  addressOf,
  choiceOf,
  countOf,
  ipv4Of,
  loopbackAddressOf,
  networksOf,
  nodeNameOf,
  pathOf,
  pathsOf,
  poolOf,
  portRangeOf,
  refusal,
  type Written,
} from "./values.ts";

export const LOG_FORMATS = ["pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const IN_KERNEL = ["auto", "never"] as const;
export type InKernel = (typeof IN_KERNEL)[number];

/** What defaults depend on. */
export interface Surroundings {
  readonly homeDir: string;
  readonly isTty: boolean;
  readonly hostname: string;
  /** Of the processor. */
  readonly cores: number;
}

const DEFAULT_MOST_WORKERS = 4;
const TLS_MIN_VERSIONS = Object.keys(TLS_VERSIONS) as TlsVersion[];

export interface Setting<T> {
  /** Without the dashes. */
  readonly flag: string;
  readonly variable: string;
  /** `DIR` in `--data DIR`. */
  readonly argument: string;
  readonly summary: string;
  /** The flag may be repeated; flag and variable take several separated by commas; the file takes a list. */
  readonly several?: true;
  /** Whether a change applies on reload (SIGHUP) or needs a restart. */
  readonly reload: "live" | "restart";
  readonly parse: (written: Written) => T;
  readonly fallback: (surroundings: Surroundings) => T;
  /** The default, in words, for the help. */
  readonly fallbackText: string;
}

/** Keeps the type of each row. */
function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}

/** Key in the file -> the setting. A dot is a level of the file. */
export const SETTINGS = {
  data: setting<string>({
    flag: "data",
    variable: "SKERRY_DATA",
    argument: "DIR",
    summary: "everything that this node keeps; made with mode 0700",
    reload: "restart",
    parse: pathOf,
    fallback: defaultDataDirectory,
    fallbackText: "~/.local/share/skerry",
  }),
  "listen.api": setting<Address>({
    flag: "listen-api",
    variable: "SKERRY_LISTEN_API",
    argument: "HOST:PORT",
    summary: "where the API answers, on loopback; port 0 takes any free one",
    reload: "restart",
    parse: loopbackAddressOf,
    fallback: () => ({ host: "127.0.0.1", port: 7400 }),
    fallbackText: "127.0.0.1:7400",
  }),
  "listen.http": setting<Address>({
    flag: "listen-http",
    variable: "SKERRY_LISTEN_HTTP",
    argument: "HOST:PORT",
    summary: "where the gateway answers plain HTTP; port 0 takes any free one",
    reload: "restart",
    parse: addressOf,
    fallback: () => ({ host: "127.0.0.1", port: 8080 }),
    fallbackText: "127.0.0.1:8080",
  }),
  "listen.https": setting<Address>({
    flag: "listen-https",
    variable: "SKERRY_LISTEN_HTTPS",
    argument: "HOST:PORT",
    summary: "where the gateway answers HTTPS; port 0 takes any free one",
    reload: "restart",
    parse: addressOf,
    fallback: () => ({ host: "127.0.0.1", port: 8443 }),
    fallbackText: "127.0.0.1:8443",
  }),
  "gateway.workers": setting<number>({
    flag: "gateway-workers",
    variable: "SKERRY_GATEWAY_WORKERS",
    argument: "N",
    summary: "processes that serve the gateway's traffic; 0 serves none",
    reload: "restart",
    parse: (written) => countOf(written, LIMITS.gateway.maxWorkers),
    fallback: ({ cores }) => Math.min(cores, DEFAULT_MOST_WORKERS),
    fallbackText: `one for each core, at most ${DEFAULT_MOST_WORKERS}`,
  }),
  "gateway.tlsMinVersion": setting<TlsVersion>({
    flag: "gateway-tls-min",
    variable: "SKERRY_GATEWAY_TLS_MIN",
    argument: "VERSION",
    summary: "the oldest version of TLS that the gateway's clients may use: 1.2 or 1.3",
    reload: "restart",
    parse: (written) => choiceOf(written, TLS_MIN_VERSIONS),
    fallback: () => "1.2",
    fallbackText: "1.2",
  }),
  "gateway.ports": setting<string>({
    flag: "gateway-ports",
    variable: "SKERRY_GATEWAY_PORTS",
    argument: "FROM-TO",
    summary: "ports on which every project may publish TCP and UDP; others need gateway.ports:any",
    reload: "restart",
    parse: portRangeOf,
    fallback: () => "20000-20999",
    fallbackText: "20000-20999",
  }),
  "gateway.accessLog": setting<string>({
    flag: "gateway-access-log",
    variable: "SKERRY_GATEWAY_ACCESS_LOG",
    argument: "all|errors|N%|off",
    summary: "requests in the access log; a share is of those that did not fail",
    reload: "restart",
    parse: accessLogOf,
    fallback: () => "all",
    fallbackText: "all",
  }),
  "gateway.proxyProtocolFrom": setting<readonly string[]>({
    flag: "gateway-proxy-protocol-from",
    variable: "SKERRY_GATEWAY_PROXY_PROTOCOL_FROM",
    argument: "CIDR",
    summary: "networks of proxies in front, whose connections must begin with the PROXY protocol",
    several: true,
    reload: "restart",
    parse: networksOf,
    fallback: () => [],
    fallbackText: "none",
  }),
  "gateway.inKernel": setting<InKernel>({
    flag: "gateway-in-kernel",
    variable: "SKERRY_GATEWAY_IN_KERNEL",
    argument: IN_KERNEL.join("|"),
    summary: "whether nftables forwards TCP and UDP routes where the machine allows it",
    reload: "restart",
    parse: (written) => choiceOf(written, IN_KERNEL),
    fallback: () => "auto",
    fallbackText: "auto",
  }),
  "storage.directories": setting<readonly string[]>({
    flag: "storage-dir",
    variable: "SKERRY_STORAGE_DIRS",
    argument: "DIR",
    summary: "a directory for replicas, best one per disk; repeat it, or separate several by commas",
    several: true,
    reload: "restart",
    parse: pathsOf,
    fallback: () => [],
    fallbackText: `${LIMITS.objects.replicas} directories under DATA/storage`,
  }),
  "engine.socket": setting<string>({
    flag: "engine-socket",
    variable: "SKERRY_ENGINE_SOCKET",
    argument: "PATH",
    summary: "the socket of Docker, which runs the containers",
    reload: "restart",
    parse: pathOf,
    fallback: () => "/var/run/docker.sock",
    fallbackText: "/var/run/docker.sock",
  }),
  "engine.pool": setting<string>({
    flag: "engine-pool",
    variable: "SKERRY_ENGINE_POOL",
    argument: "CIDR",
    summary: "IPv4 range of the containers' networks, a /28 for each project",
    reload: "restart",
    parse: poolOf,
    fallback: () => "10.199.0.0/16",
    fallbackText: "10.199.0.0/16",
  }),
  "engine.publish": setting<string>({
    flag: "engine-publish",
    variable: "SKERRY_ENGINE_PUBLISH",
    argument: "ADDRESS",
    summary: "IPv4 address of this machine on which published ports of containers answer",
    reload: "restart",
    parse: ipv4Of,
    fallback: () => "127.0.0.1",
    fallbackText: "127.0.0.1, so only this machine reaches them",
  }),
  "log.format": setting<LogFormat>({
    flag: "log-format",
    variable: "SKERRY_LOG_FORMAT",
    argument: LOG_FORMATS.join("|"),
    summary: "lines for people, or one JSON object a line",
    reload: "live",
    parse: (written) => choiceOf(written, LOG_FORMATS),
    fallback: ({ isTty }) => (isTty ? "pretty" : "json"),
    fallbackText: "pretty on a terminal, else json",
  }),
  "log.level": setting<LogLevel>({
    flag: "log-level",
    variable: "SKERRY_LOG_LEVEL",
    argument: LOG_LEVELS.join("|"),
    summary: "the least important lines that are written",
    reload: "live",
    parse: (written) => choiceOf(written, LOG_LEVELS),
    fallback: () => "info",
    fallbackText: "info",
  }),
  "log.file": setting<string | undefined>({
    flag: "log-file",
    variable: "SKERRY_LOG_FILE",
    argument: "FILE",
    summary: "where the log goes, rotated by size; opened again on SIGHUP",
    reload: "restart",
    parse: pathOf,
    fallback: () => undefined,
    fallbackText: "standard output",
  }),
  "node.name": setting<string>({
    flag: "node-name",
    variable: "SKERRY_NODE_NAME",
    argument: "NAME",
    summary: "the name of this machine in the cloud",
    reload: "restart",
    parse: nodeNameOf,
    fallback: ({ hostname }) => nodeNameFrom(hostname),
    fallbackText: "the host name",
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;
export type Values = { readonly [K in SettingKey]: ReturnType<(typeof SETTINGS)[K]["parse"]> };
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** Names the file. Not in the file itself. */
export const CONFIG_FLAG = "config";
export const CONFIG_VARIABLE = "SKERRY_CONFIG";

/** Variables with our prefix that are not the daemon's: those of the CLI, and those of tests. */
export const OTHER_VARIABLES: readonly string[] = [
  "SKERRY_CONFIG_DIR",
  "SKERRY_TOKEN",
  "SKERRY_CONTEXT",
  "SKERRY_PROJECT",
];
export const TEST_VARIABLES = "SKERRY_TEST_";

function defaultDataDirectory({ homeDir }: Surroundings): string {
  if (homeDir.startsWith("/")) return `${homeDir.replace(/\/+$/, "")}/.local/share/skerry`;
  throw refusal("--data", "no home directory is known, so there is no default.", "Set HOME, or give --data DIR.");
}

/** The first label of the host name, made into a valid name: `Box_7.example.com` -> `box-7`. */
export function nodeNameFrom(hostname: string): string {
  const label = hostname.split(".", 1)[0] ?? "";
  const name = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LIMITS.name.maxLength)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "node" : name;
}
