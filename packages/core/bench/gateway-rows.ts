/** The rows of the benchmark: what is asked of each contender, and what is counted. */
import { BROWSER_HEADS, h2load, handshakes, type Load, speaksH2, wrk } from "./gateway-load.ts";
import type { Ports } from "./gateway-peers.ts";

export interface BenchRow {
  readonly name: string;
  /** Figures of the unit `…/s`, and of `…/cpu-s`: for each second that the proxy was on its core. */
  readonly what: "req" | "handshake" | "conn" | "MB";
  readonly load: (ports: Ports, signal: AbortSignal) => Promise<Load>;
  /** Why this contender is left out; "ours" among them: then all are. */
  readonly leftOut?: (contender: string, ports: Ports) => string | undefined | Promise<string | undefined>;
}

const BIG_FILE_MB = 10.485_76;

const http = (path: string, connections: number, args: readonly string[] = []) => {
  return ({ plain }: Ports, signal: AbortSignal) => wrk(`http://127.0.0.1:${plain}${path}`, connections, signal, args);
};

const withoutTcp = (contender: string): string | undefined => {
  return ["ours", "nginx", "haproxy"].includes(contender) ? undefined : "not a proxy of TCP here";
};

export const ROWS: readonly BenchRow[] = [
  { name: "h1-small", what: "req", load: http("/small", 32) },
  { name: "h1-browser", what: "req", load: http("/shop", 32, ["-s", BROWSER_HEADS]) },
  {
    // TLS 1.3 with the cipher that all choose: AES-256-GCM; the certificate has a key on P-256.
    name: "h1-tls",
    what: "req",
    load: ({ tls }, signal) => wrk(`https://127.0.0.1:${tls}/small`, 32, signal),
  },
  { name: "tls-handshake", what: "handshake", load: ({ tls }, signal) => handshakes(tls, signal) },
  { name: "h1-64k", what: "req", load: http("/64k", 16) },
  { name: "h1-10m", what: "req", load: http("/10m", 8) },
  {
    name: "h2-small",
    what: "req",
    load: ({ tls }, signal) => h2load(`https://127.0.0.1:${tls}/small`, 8, 8, signal),
    leftOut: async (_contender, { tls }) => ((await speaksH2(tls)) ? undefined : "it does not speak HTTP/2"),
  },
  {
    name: "tcp-bulk",
    what: "MB",
    load: async ({ tcp }, signal) => {
      const { count, seconds } = await wrk(`http://127.0.0.1:${tcp}/10m`, 8, signal);
      return { count: count * BIG_FILE_MB, seconds };
    },
    leftOut: withoutTcp,
  },
  {
    name: "tcp-conn",
    what: "conn",
    load: ({ tcp }, signal) => wrk(`http://127.0.0.1:${tcp}/small`, 32, signal, ["-H", "Connection: close"]),
    leftOut: withoutTcp,
  },
];
