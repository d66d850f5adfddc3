/** The text of a systemd unit that runs the daemon with no more rights than it needs. Pure. */
import { SkerryError } from "@skerry/core/contract/errors.ts";

/** By this line a unit is known as ours: no other is ever replaced or removed. */
export const MARKER =
  "# Made by skerry service install. Changed by hand, it is replaced the next time: use systemctl edit.";

export interface UnitOptions {
  /** Absolute path of `skerryd`. */
  readonly program: string;
  /** Flags of the daemon. */
  readonly argv: readonly string[];
  /** A unit of the system, and who it runs as; absent: of the user who installs it. */
  readonly runAs?: string;
  /** Directories that it writes to; absolute. */
  readonly writes: readonly string[];
  /** The container engine's group, and the rights for its networks. */
  readonly engine: boolean;
}

export function unitText(options: UnitOptions): string {
  const { program, argv, runAs, writes } = options;
  const isSystem = runAs !== undefined;
  const lines = [
    MARKER,
    "[Unit]",
    "Description=Skerry, a private cloud",
    ...(isSystem ? ["Wants=network-online.target", "After=network-online.target docker.service"] : []),
    "# What is not mounted yet would look empty.",
    `RequiresMountsFor=${writes.map(quoteWord).join(" ")}`,
    "StartLimitIntervalSec=60",
    "StartLimitBurst=5",
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${[program, ...argv].map(execWord).join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    ...(isSystem ? [`User=${runAs}`] : []),
    "Restart=on-failure",
    "RestartSec=2",
    "# A wrong configuration, and what this machine cannot do: another start mends neither.",
    "RestartPreventExitStatus=2 9",
    "# The daemon tells its own processes, and drains.",
    "KillMode=mixed",
    "TimeoutStopSec=30",
    "LimitNOFILE=65536",
    "CacheDirectory=skerry",
    "# Programs are read from it.",
    "CacheDirectoryMode=0700",
    "Environment=NODE_COMPILE_CACHE=%C/skerry",
    "",
    ...restrictions(options),
    "",
    "[Install]",
    `WantedBy=${isSystem ? "multi-user.target" : "default.target"}`,
    "",
  ];
  return lines.join("\n");
}

/** What works for whoever runs it, by seccomp and flags of the process. */
const EVERYWHERE = [
  "UMask=0077",
  "NoNewPrivileges=yes",
  "RestrictSUIDSGID=yes",
  "RestrictRealtime=yes",
  "RestrictNamespaces=yes",
  "LockPersonality=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallErrorNumber=EPERM",
];

/** A user's own manager may not change mounts: these are for the system's. */
function restrictions({ runAs, program, argv, writes, engine }: UnitOptions): string[] {
  const common = ["# Code is compiled as it runs: MemoryDenyWriteExecute is not possible.", ...EVERYWHERE];
  if (runAs === undefined) return common;
  const inHome = [program, ...argv, ...writes].some((path) => /^\/(home|root|run\/user)\//.test(path));
  // Ports below 1024; the rules that keep containers apart.
  const capabilities = ["CAP_NET_BIND_SERVICE", ...(engine ? ["CAP_NET_ADMIN", "CAP_NET_RAW"] : [])].join(" ");
  return [
    ...common,
    `CapabilityBoundingSet=${capabilities}`,
    `AmbientCapabilities=${capabilities}`,
    ...(engine && runAs !== "root" ? ["SupplementaryGroups=docker"] : []),
    "ProtectSystem=strict",
    `ReadWritePaths=${writes.map(quoteWord).join(" ")}`,
    `ProtectHome=${inHome ? "read-only" : "yes"}`,
    "PrivateTmp=yes",
    "DevicePolicy=closed",
    "DeviceAllow=/dev/kvm rw",
    "ProtectProc=invisible",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "RemoveIPC=yes",
  ];
}

/** A word of a command line: variables are expanded there, and only there. */
function execWord(word: string): string {
  return quoteWord(word).replaceAll("$", "$$$$");
}

/**
 * One word of a line that systemd splits: in quotes, its specifiers (%) taken literally.
 * @throws `invalid` for control characters, which no line can hold.
 */
function quoteWord(word: string): string {
  if (/[\u0000-\u001f\u007f]/.test(word) || !word.isWellFormed()) {
    throw new SkerryError("invalid", `${JSON.stringify(word)} cannot stand in a unit of systemd.`, {
      hint: "Use a path without control characters.",
    });
  }
  const plain = word.replaceAll("%", "%%");
  return /^[\w%./:=,@$+-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, "\\$&")}"`;
}
