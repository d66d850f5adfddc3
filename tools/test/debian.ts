/** The programs of Debian that tests run, and how they come onto the machine. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

interface DebianPackage {
  readonly name: string;
  /** The program whose presence says that it is installed. */
  readonly program: string;
  readonly reason: string;
  /** Only for `npm run test:full`. */
  readonly full?: true;
}

const DEBIAN_PACKAGES: readonly DebianPackage[] = [
  { name: "strace", program: "strace", reason: "shows that the daemon syncs data and directory before it answers" },
  { name: "curl", program: "curl", reason: "speaks to the API as people do" },
  { name: "docker.io", program: "dockerd", reason: "runs the containers of tests, beside any engine that is here" },
  { name: "iptables", program: "iptables", reason: "keeps containers away from the machine" },
  { name: "nftables", program: "nft", reason: "forwards ports in the kernel" },
  { name: "iproute2", program: "ip", reason: "makes the networks in which that is tested" },
  { name: "busybox-static", program: "busybox", reason: "is what the containers of tests are made of" },
  { name: "tmux", program: "tmux", reason: "gives the CLI a real terminal" },
  { name: "zsh", program: "zsh", reason: "completes skerry's words" },
  { name: "fish", program: "fish", reason: "completes skerry's words" },
  { name: "openssh-server", program: "sshd", reason: "is what an ssh route leads to", full: true },
  { name: "openssl", program: "openssl", reason: "shows whose certificate a handshake gets" },
  { name: "bind9-dnsutils", program: "dig", reason: "asks over a udp route", full: true },
  { name: "dnsmasq-base", program: "dnsmasq", reason: "answers it", full: true },
  { name: "iperf3", program: "iperf3", reason: "loads tcp and udp routes", full: true },
  { name: "postgresql", program: "pg_ctlcluster", reason: "is what a tcp route leads to", full: true },
  { name: "nghttp2-client", program: "h2load", reason: "loads the gateway over HTTP/2", full: true },
  { name: "wrk", program: "wrk", reason: "loads the gateway over HTTP/1.1", full: true },
  { name: "slowhttptest", program: "slowhttptest", reason: "attacks it slowly", full: true },
  { name: "jq", program: "jq", reason: "reads the log of requests", full: true },
  { name: "prometheus", program: "promtool", reason: "reads the metrics, and scrapes them", full: true },
  { name: "chromium", program: "chromium", reason: "loads a page through it", full: true },
  { name: "systemd", program: "systemd-analyze", reason: "reads the unit of skerry service", full: true },
];

export function isOnPath(program: string, path = process.env["PATH"] ?? ""): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what is missing when run as root; says nothing unless that fails. Returns what is wrong, or undefined. */
export function installMissing(tier: "quick" | "full"): string | undefined {
  const wanted = DEBIAN_PACKAGES.filter(({ full }) => full !== true || tier === "full");
  const missing = wanted.filter(({ program }) => !isOnPath(program));
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name }) => name);
  const list = missing.map(({ name, reason }) => `  ${name}: ${reason}`).join("\n");
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    return `The tests need what is not installed here:\n${list}\nAs root: apt-get install -y ${names.join(" ")}`;
  }
  const install = ["install", "-y", "--no-install-recommends", ...names];
  return aptGet(["update"]) ?? aptGet(install);
}

function aptGet(parameters: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync("apt-get", ["-q", ...parameters], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  return status === 0 ? undefined : `apt-get ${parameters.join(" ")} failed (${status}):\n${stdout}${stderr}`;
}
