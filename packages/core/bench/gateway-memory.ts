/** mem-1k: what a fresh proxy holds with a thousand connections that wait, each after one request. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { type Row, row, shuffled } from "./figures.ts";
import { type Contender, restart } from "./gateway-contenders.ts";

const CONNECTIONS = 1000;
const AT_ONCE = 50;
const SETTLE_MS = 1500;
const MAX_ROUNDS = 3;

/** KiB that a process has for itself, and its part of what it shares (PSS). */
async function memoryKib(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]);
}

async function ask(port: number, isTls: boolean): Promise<Socket> {
  const socket = isTls
    ? connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false })
    : connect({ host: "127.0.0.1", port });
  await once(socket, isTls ? "secureConnect" : "connect");
  socket.write(`GET /small HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  const [bytes] = (await once(socket, "data")) as [Buffer];
  if (!bytes.toString("latin1").startsWith("HTTP/1.1 200")) throw new Error(bytes.toString("latin1"));
  socket.on("error", () => socket.destroy());
  return socket;
}

/** KiB of all of it, and of what came with the connections. */
async function hold(contender: Contender, isTls: boolean, signal: AbortSignal) {
  await restart(contender);
  const port = isTls ? contender.ports.tls : contender.ports.plain;
  // What the first request loads is not the connections'.
  (await ask(port, isTls)).destroy();
  await sleep(SETTLE_MS, undefined, { signal });
  const pid = contender.child.pid as number;
  const before = await memoryKib(pid);
  const sockets: Socket[] = [];
  try {
    while (sockets.length < CONNECTIONS) {
      sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => ask(port, isTls)))));
      signal.throwIfAborted();
    }
    await sleep(SETTLE_MS, undefined, { signal });
    const all = await memoryKib(pid);
    return { all, growth: all - before };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

export async function measureMemory(
  contenders: readonly Contender[],
  rounds: number,
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const isTls of [false, true]) {
    const all = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
    const growth = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
    for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
      for (const contender of shuffled(contenders)) {
        const held = await hold(contender, isTls, signal);
        all.get(contender.name)?.push(held.all);
        growth.get(contender.name)?.push(held.growth);
      }
    }
    const kind = isTls ? "TLS" : "plain";
    rows.push(row("mem-1k", `KiB ${kind}`, all, "low"), row("mem-1k", `KiB grown ${kind}`, growth, "low"));
  }
  return rows;
}
