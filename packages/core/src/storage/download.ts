/** The read path: verified blocks from any good replica, changing to another one in the middle when one turns out bad. */
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { ChunkRef, ObjectIndex, ObjectRecord } from "../domain/objects.ts";
import type { Random } from "../domain/ports.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { type ChunkId, digestText } from "./chunk-format.ts";
import type { ChunkReader, ChunkServer } from "./chunkserver.ts";
import { type ProbeWorld, probeAway } from "./probe.ts";
import type { SpareBuffers } from "./spare-buffers.ts";

const { ioBytes } = LIMITS.objects;
/** Longer reads of a chunk bypass the page cache: they would push out what is read often. */
const DIRECT_FROM_BYTES = 4 * ioBytes;

export interface DownloadWorld extends ProbeWorld {
  readonly index: ObjectIndex;
  readonly pool: BufferPool;
  readonly spares: SpareBuffers;
  readonly random: Random;
  /** Told of each replica that could not be read. */
  readonly onBadReplica: (chunk: ChunkId, server: string, error: unknown) => void;
}

/** One chunk of the object and where it begins in it. */
interface Placed {
  readonly chunk: ChunkRef;
  readonly start: number;
}

/** What of an object is read, and how. */
export interface DownloadRange {
  readonly start: number;
  readonly end: number;
  /** The most in one piece: `ioBytes`, or a part of it where many read slowly at once. A whole number of blocks. */
  readonly pieceBytes?: number;
}

/**
 * Bytes `[start, end)` of an object in pieces of at most `LIMITS.objects.ioBytes`, each good until the next is asked for: its
 * buffer is used again. Reads one piece ahead. @throws `internal/corrupt` (no replica is good), `unavailable/replicas` (those that may be good are away).
 */
export async function* downloadRange(
  world: DownloadWorld,
  record: ObjectRecord,
  range: DownloadRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffers = new TwoBuffers(world.spares);
  for (const placed of chunksIn(record, range)) yield* downloadChunk(world, placed, range, buffers, signal);
}

/** Those of which the range has a part. */
export function* chunksIn(
  record: ObjectRecord,
  range: { readonly start: number; readonly end: number },
): Generator<Placed, void, undefined> {
  let at = 0;
  for (const chunk of record.chunks) {
    const placed: Placed = { chunk, start: at };
    at += chunk.sizeBytes;
    if (at <= range.start) continue;
    if (placed.start >= range.end) return;
    yield placed;
  }
}

async function* downloadChunk(
  world: DownloadWorld,
  { chunk, start }: Placed,
  range: DownloadRange,
  buffers: TwoBuffers,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = Math.min(range.end - start, chunk.sizeBytes);
  let at = Math.max(0, range.start - start);
  const { pieceBytes = ioBytes } = range;
  const replicas = new ReplicaChain(world, chunk, end - at >= DIRECT_FROM_BYTES);
  const readNext = (): Promise<Uint8Array> => {
    // Pieces end at whole ones, so that the blocks of one piece fit a buffer.
    const pieceEnd = Math.min(end, (Math.floor(at / pieceBytes) + 1) * pieceBytes);
    const from = at;
    at = pieceEnd;
    const piece = replicas.read(from, buffers.next(pieceEnd - from), signal);
    // It may fail while nobody waits for it yet.
    piece.catch(() => undefined);
    return piece;
  };
  let ahead: Promise<Uint8Array> | undefined;
  try {
    ahead = readNext();
    while (ahead !== undefined) {
      const piece: Uint8Array = await ahead;
      ahead = at < end ? readNext() : undefined;
      yield piece;
    }
  } finally {
    await ahead?.catch(() => undefined);
    await replicas.close();
  }
}

/**
 * One is with who takes the pieces while the other is filled. Not from the pool: a slow reader must not keep others from
 * reading. Not new ones each time: fifty downloads would leave a hundred megabytes to the collector.
 */
class TwoBuffers {
  readonly #spares: SpareBuffers;
  readonly #both: Uint8Array[] = [new Uint8Array(0), new Uint8Array(0)];

  constructor(spares: SpareBuffers) {
    this.#spares = spares;
  }

  /** Of this length; what it held is gone. */
  next(lengthBytes: number): Uint8Array {
    const [least = new Uint8Array(0)] = this.#both.splice(0, 1);
    const buffer = least.byteLength < lengthBytes ? this.#new(lengthBytes) : least;
    this.#both.push(buffer);
    return buffer.subarray(0, lengthBytes);
  }

  #new(lengthBytes: number): Uint8Array {
    return lengthBytes === ioBytes ? this.#spares.take() : Buffer.allocUnsafeSlow(lengthBytes);
  }
}

/** Reads its first byte from any replica. @throws as `downloadRange`. */
export async function openAny(world: DownloadWorld, chunk: ChunkRef, signal: AbortSignal): Promise<void> {
  const replicas = new ReplicaChain(world, chunk, false);
  try {
    await replicas.read(0, new Uint8Array(Math.min(1, chunk.sizeBytes)), signal);
  } finally {
    await replicas.close();
  }
}

/** The replicas of one chunk, tried one after another until one gives what was asked for. */
class ReplicaChain {
  readonly #world: DownloadWorld;
  readonly #direct: boolean;
  readonly #tried = new Set<string>();
  #chunk: ChunkRef;
  #current: { readonly server: ChunkServer; readonly reader: ChunkReader } | undefined;
  /** A replica that could not be looked at, because its chunkserver is away or this process at its limits, may be good. */
  #someAway = false;
  #refreshed = false;

  constructor(world: DownloadWorld, chunk: ChunkRef, direct: boolean) {
    this.#world = world;
    this.#chunk = chunk;
    this.#direct = direct;
  }

  /** Fills `into` with verified bytes, and gives it. */
  async read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const buffer = await this.#world.pool.acquire(signal);
    try {
      for (;;) {
        const { server, reader } = await this.#opened(buffer, signal);
        try {
          into.set(await reader.read(offset, into.byteLength, buffer));
          return into;
        } catch (error) {
          await this.close();
          this.#bad(server, error);
        }
      }
    } finally {
      this.#world.pool.release(buffer);
    }
  }

  async close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.reader.close();
  }

  async #opened(
    buffer: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly server: ChunkServer; readonly reader: ChunkReader }> {
    for (;;) {
      if (this.#current !== undefined) return this.#current;
      const server = await this.#nextServer(signal);
      try {
        const reader = await server.openReplica(this.#chunk, buffer, { direct: this.#direct });
        if (reader.sizeBytes === this.#chunk.sizeBytes && digestText(reader.digest) === this.#chunk.digest) {
          this.#current = { server, reader };
          continue;
        }
        await reader.close();
        throw new SkerryError("internal/corrupt", "The replica is not the one that the index knows.");
      } catch (error) {
        this.#bad(server, error);
      }
    }
  }

  async #nextServer(signal: AbortSignal): Promise<ChunkServer> {
    const names = this.#chunk.replicas.filter((name) => !this.#tried.has(name));
    const servers = this.#world.servers.filter((server) => names.includes(server.name));
    const available = servers.filter((server) => server.state.available);
    if (available.length < names.length) this.#someAway = true;
    const picked = available[Math.floor(this.#world.random.fraction() * available.length)];
    if (picked !== undefined) {
      this.#tried.add(picked.state.name);
      return picked;
    }
    // Chunkservers may be back, and a repair may have moved replicas since the object was looked up.
    if (!this.#refreshed) {
      this.#refreshed = true;
      if (this.#someAway) await probeAway(this.#world, signal);
      const fresh = await this.#world.index.chunk(this.#chunk.id);
      if (fresh !== undefined && fresh.generation === this.#chunk.generation) this.#chunk = fresh;
      return this.#nextServer(signal);
    }
    throw this.#noneLeft();
  }

  #bad(server: ChunkServer, error: unknown): void {
    if (!server.state.available) this.#someAway = true;
    if (isError(error, "exhausted")) {
      // It could not be looked at: that says nothing about it.
      this.#someAway = true;
      return;
    }
    this.#world.onBadReplica(this.#chunk, server.name, error);
  }

  #noneLeft(): SkerryError {
    if (this.#someAway) {
      return new SkerryError("unavailable/replicas", "No readable copy of a part of the object is reachable now.", {
        hint: "`skerry status` shows the chunkservers that are away.",
      });
    }
    return new SkerryError("internal/corrupt", "All copies of a part of the object are damaged or gone.", {
      hint: "Store the object again, or restore it from a backup. The log names the chunk.",
    });
  }
}
