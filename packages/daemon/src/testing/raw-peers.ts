/** Raw clients of a listener of the API that do as they are told, and no more. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatch } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { ApiServer, type RequestRecord } from "../http/server.ts";
import { PEER_TIMEOUTS, type PeerTimeouts } from "../http/timeouts.ts";

const DEADLINE_MS = 30_000;

/** Polls; fails with `what` at the deadline. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; !(await holds()); await sleep(20)) {
    assert.ok(performance.now() < deadline, what);
  }
}

interface Peer {
  readonly socket: Socket;
  /** What came so far. */
  text(): string;
  readonly closed: Promise<void>;
  readonly error: () => string | undefined;
}

const peers = new Set<Socket>();
/** After each test. */
export function closePeers(): void {
  for (const socket of peers) socket.destroy();
  peers.clear();
}

/** Takes nothing before it is resumed. */
export function peer(where: { port: number } | { path: string }, text: string, allowHalfOpen = false): Peer {
  const socket = connect({ ...where, ...("port" in where ? { host: "127.0.0.1" } : {}), allowHalfOpen });
  const parts: Buffer[] = [];
  let error: string | undefined;
  peers.add(socket);
  socket.on("error", (thrown: NodeJS.ErrnoException) => {
    error = thrown.code;
  });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.pause();
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.write(text);
  return { socket, text: () => Buffer.concat(parts).toString("latin1"), closed, error: () => error };
}

/** A listener on a unix socket whose every request gets what `dispatch` says. */
export async function serve(
  dispatch: Dispatch,
  timeouts: Partial<PeerTimeouts>,
  more: { maxConnections?: number } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "skerry-peers-"));
  const path = join(folder, "api.sock");
  const records: RequestRecord[] = [];
  const api = new ApiServer({
    dispatch,
    listener: { kind: "unix" },
    monotonicMs: () => performance.now(),
    onRequest: (record) => records.push(record),
    timeouts: { ...PEER_TIMEOUTS, ...timeouts },
    ...more,
  });
  await api.listen({ path });
  return {
    api,
    path,
    records,
    async [Symbol.asyncDispose]() {
      await api.close(AbortSignal.abort());
      await rm(folder, { recursive: true, force: true });
    },
  };
}
