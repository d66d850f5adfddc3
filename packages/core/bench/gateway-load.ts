/** What asks the proxies: programs from Debian on the core of the upstream. */
import { join } from "node:path";
import { run, runLoad } from "./gateway-processes.ts";

/** What came through, in how long. */
export interface Load {
  readonly count: number;
  readonly seconds: number;
}

const SECONDS = 2;
const HANDSHAKERS = 4;
/** Asked for by `wrk -s`. */
export const BROWSER_HEADS = join(import.meta.dirname, "load/browser.lua");

/** Keeps connections, asks again as soon as it has been answered. */
export async function wrk(
  url: string,
  connections: number,
  signal: AbortSignal,
  args: readonly string[] = [],
): Promise<Load> {
  const output = await runLoad("wrk", ["-t1", `-c${connections}`, `-d${SECONDS}s`, ...args, url], signal);
  const [, count, seconds] = /(\d+) requests in ([\d.]+)s/.exec(output) ?? [];
  // A server that closes as it was asked to is counted as an error by wrk when it does so before the next request.
  if (count === undefined || /Non-2xx|connect [1-9]|timeout [1-9]/.test(output)) throw new Error(output);
  return { count: Number(count), seconds: Number(seconds) };
}

/** HTTP/2 with so many streams on each connection. */
export async function h2load(url: string, connections: number, streams: number, signal: AbortSignal): Promise<Load> {
  const args = ["-t1", `-c${connections}`, `-m${streams}`, `-D${SECONDS}`, url];
  const output = await runLoad("h2load", args, signal);
  const [, seconds] = /finished in ([\d.]+)s/.exec(output) ?? [];
  const [, count] = /status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx/.exec(output) ?? [];
  if (seconds === undefined || count === undefined || !/ 0 failed, 0 errored/.test(output)) throw new Error(output);
  return { count: Number(count), seconds: Number(seconds) };
}

/**
 * New TLS 1.3 handshakes, none of them resumed. A client has more to compute than a server, so several are let run, and
 * against a fast server it is they who are the bottleneck: then only what a handshake costs the server can be compared.
 */
export async function handshakes(port: number, signal: AbortSignal): Promise<Load> {
  const args = ["s_time", "-new", "-connect", `127.0.0.1:${port}`, "-time", String(SECONDS)];
  const outputs = await Promise.all(Array.from({ length: HANDSHAKERS }, () => runLoad("openssl", args, signal)));
  const counts = outputs.map((output) => Number(/^(\d+) connections in \d+ real seconds/m.exec(output)?.[1] ?? 0));
  if (counts.includes(0)) throw new Error(outputs.join("\n"));
  return { count: counts.reduce((sum, count) => sum + count, 0), seconds: SECONDS };
}

/** Whether the port speaks HTTP/2 to who asks for it in the TLS handshake. */
export async function speaksH2(port: number): Promise<boolean> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-alpn", "h2,http/1.1"];
  const asked = run("openssl", args);
  asked.child.stdin?.end();
  const { stdout } = await asked;
  return /ALPN protocol: h2/.test(stdout);
}
