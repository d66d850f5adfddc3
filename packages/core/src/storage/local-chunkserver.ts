/**
 * A chunkserver in a directory:
 *   identity.json   staging/<id>.<generation>   chunks/<aa>/<id>.<generation>   quarantine/<id>.<generation>
 * Staging is two-phase commit with presumed abort: a sealed replica waits in `staging` until the index has decided; what the
 * index does not know at the next start was aborted. The rename to `chunks` is not synced: if it is lost, it is done again.
 */
import { join } from "node:path";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Disk, DiskFile } from "../domain/ports.ts";
import { BufferPool } from "./buffer-pool.ts";
import { ChunkFileReader, ChunkFileWriter } from "./chunk-file.ts";
import {
  assertChunkId,
  type ChunkId,
  type ChunkSeal,
  chunkFileName,
  DATA_OFFSET,
  parseChunkFileName,
} from "./chunk-format.ts";
import type { ChunkReader, ChunkServer, ChunkServerSpace, ChunkServerState, ChunkWriter } from "./chunkserver.ts";
import { DirectorySync } from "./directory-sync.ts";
import { fromDiskError, NOT_A_FILE, systemCode } from "./disk-error.ts";
import { type DirectoryToOpen, type IdentityWorld, isRefusal, openIdentity, type ServerIdentity } from "./identity.ts";
import { DiskReserve, reserveBytes } from "./reserve.ts";

type OnIdentity = (identity: ServerIdentity) => Promise<void>;

const FAN = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, "0"));

export class LocalChunkServer implements ChunkServer {
  readonly #world: IdentityWorld;
  readonly #target: DirectoryToOpen;
  readonly #disk: Disk;
  readonly #sync: DirectorySync;
  readonly #reserve: DiskReserve;
  readonly #headers = new BufferPool(LIMITS.objects.headerBuffers, DATA_OFFSET);
  #identity: ServerIdentity | undefined;
  #device: number | undefined;
  #reason: string | undefined = "It was not opened yet.";
  #closed = false;
  #probing: Promise<void> | undefined;
  readonly #onIdentity: OnIdentity;

  /** `onIdentity` must have kept the identity durably when it resolves: only then replicas are taken. */
  constructor(world: IdentityWorld, target: DirectoryToOpen, onIdentity: OnIdentity) {
    this.#world = world;
    this.#target = target;
    this.#onIdentity = onIdentity;
    this.#disk = world.disk;
    this.#sync = new DirectorySync(world.disk);
    this.#reserve = new DiskReserve(world.disk, target.name, target.directory);
  }

  get name(): string {
    return this.#target.name;
  }

  get state(): ChunkServerState {
    return {
      name: this.name,
      directory: this.#target.directory,
      device: this.#device,
      available: this.#reason === undefined,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** @throws as `openIdentity` when the configuration is wrong; a disk that is away only makes it unavailable. */
  async open(): Promise<void> {
    try {
      const identity = await openIdentity(this.#world, this.#knownTarget());
      await this.#onIdentity(identity);
      await this.#makeLayout();
      const device = (await this.#disk.stat(this.#target.directory))?.device;
      if (this.#closed) return;
      this.#device = device;
      this.#identity = identity;
      this.#reason = undefined;
    } catch (error) {
      const why = fromDiskError(this.name, "open its directory", error);
      this.#leave(`${why.message}${why.hint === undefined ? "" : ` ${why.hint}`}`);
      if (isRefusal(error)) throw error;
    }
  }

  async probe(): Promise<void> {
    if (this.#reason === undefined || this.#closed) return;
    // One at a time: two would give a new disk two identities.
    this.#probing ??= this.open()
      .catch(() => undefined)
      .finally(() => {
        this.#probing = undefined;
      });
    await this.#probing;
  }

  async stage(chunk: ChunkId): Promise<ChunkWriter> {
    assertChunkId(chunk);
    this.#assertAvailable();
    const path = this.#stagingPath(chunk);
    const open = (): Promise<DiskFile> => this.#disk.open(path, { write: true, create: "exclusive", direct: true });
    try {
      await this.#reserve.take(DATA_OFFSET);
      const file = await open().catch(async (error: unknown) => {
        // What an earlier, interrupted copy of the same chunk left behind.
        if (systemCode(error) !== "EEXIST") throw error;
        await this.#removeIfThere(path);
        return open();
      });
      return this.#writer(chunk, file, path);
    } catch (error) {
      const known = fromDiskError(this.name, "take a new replica", error);
      if (known.is("unavailable")) this.#leave(known.message);
      throw known;
    }
  }

  #writer(chunk: ChunkId, file: DiskFile, path: string): ChunkWriter {
    const writer = new ChunkFileWriter(file, this.#headers);
    const pending = new Set<Promise<void>>();
    return {
      write: async (pages) => {
        // Positions are taken in the order of calls, before anything waits.
        const write = writer.write(pages, this.#reserve.take(pages.byteLength));
        pending.add(write);
        try {
          await write;
        } catch (error) {
          throw fromDiskError(this.name, "write a replica", error);
        } finally {
          pending.delete(write);
        }
      },
      seal: async (seal: ChunkSeal) => {
        try {
          await Promise.all(pending);
          await writer.seal({ ...chunk, ...seal, cluster: this.#world.cluster });
          await file.close();
          await this.#sync.sync(join(this.#target.directory, "staging"));
        } catch (error) {
          throw fromDiskError(this.name, "seal a replica", error);
        }
      },
      abort: async () => {
        await Promise.allSettled(pending);
        await file.close().catch(() => undefined);
        // What cannot be removed now is removed at the next start.
        await this.#removeIfThere(path).catch(() => undefined);
      },
    };
  }

  async commit(chunk: ChunkId): Promise<void> {
    await this.#attempt("commit a replica", async () => {
      const committed = (await this.#disk.stat(this.#chunkPath(chunk))) !== undefined;
      try {
        // A committed replica is never replaced: a second one in staging is what an interrupted copy left.
        if (committed) await this.#removeIfThere(this.#stagingPath(chunk));
        else await this.#disk.rename(this.#stagingPath(chunk), this.#chunkPath(chunk));
      } catch (error) {
        if (systemCode(error) === "ENOENT") throw this.#missing(chunk);
        throw error;
      }
    });
  }

  async discard(chunk: ChunkId): Promise<void> {
    await this.#attempt("discard a staged replica", () => this.#removeIfThere(this.#stagingPath(chunk)));
  }

  async staged(): Promise<readonly ChunkId[]> {
    return this.#attempt("list staged replicas", async () => {
      const names = await this.#disk.readDirectory(join(this.#target.directory, "staging"));
      return names.flatMap((name) => parseChunkFileName(name) ?? []);
    });
  }

  async openReplica(chunk: ChunkId, buffer: Uint8Array, options: { direct?: boolean } = {}): Promise<ChunkReader> {
    assertChunkId(chunk);
    return this.#attempt("read a replica", async () => {
      // Between the index's decision and the rename the replica is still in staging; the rename may happen just now.
      for (const path of [this.#chunkPath(chunk), this.#stagingPath(chunk), this.#chunkPath(chunk)]) {
        const file = await this.#disk.open(path, { direct: options.direct ?? false }).catch((error: unknown) => {
          if (systemCode(error) !== "ENOENT") throw error;
        });
        if (file === undefined) continue;
        const reader = await ChunkFileReader.open(file, chunk, this.#world.cluster, buffer);
        return this.#guarded(reader);
      }
      throw this.#missing(chunk);
    });
  }

  #guarded(reader: ChunkFileReader): ChunkReader {
    return {
      sizeBytes: reader.sizeBytes,
      digest: reader.digest,
      checksums: reader.checksums,
      read: (offset, lengthBytes, buffer) =>
        this.#attempt("read a replica", () => reader.read(offset, lengthBytes, buffer)),
      close: () => reader.close().catch(() => undefined),
    };
  }

  async inventory(prefix: string): Promise<{ chunks: readonly ChunkId[]; strangers: readonly string[] }> {
    return this.#attempt("list its replicas", async () => {
      const chunks: ChunkId[] = [];
      const strangers: string[] = [];
      for (const name of await this.#disk.readDirectory(join(this.#target.directory, "chunks", prefix))) {
        const chunk = parseChunkFileName(name);
        if (chunk?.id.startsWith(prefix)) chunks.push(chunk);
        else strangers.push(`chunks/${prefix}/${name}`);
      }
      return { chunks, strangers };
    });
  }

  async remove(chunks: readonly ChunkId[]): Promise<void> {
    await this.#attempt("remove replicas", async () => {
      const touched = new Set<string>();
      const failures: unknown[] = [];
      for (const chunk of chunks) {
        assertChunkId(chunk);
        for (const directory of [this.#fanDirectory(chunk), this.#inside("staging"), this.#inside("quarantine")]) {
          // Also where there is none: an earlier attempt may have removed it and failed before the sync.
          touched.add(directory);
          // One that cannot go must not keep the others.
          await this.#removeIfThere(join(directory, chunkFileName(chunk))).catch((error) => failures.push(error));
        }
      }
      for (const directory of touched) await this.#sync.sync(directory);
      if (failures.length > 0) throw failures[0];
    });
  }

  async quarantine(chunk: ChunkId): Promise<void> {
    await this.#attempt("put a damaged replica aside", async () => {
      // A directory in the replica's place does not take the name of a file that was put aside before.
      for (const suffix of ["", ".other", ".another"]) {
        try {
          const aside = join(this.#inside("quarantine"), `${chunkFileName(chunk)}${suffix}`);
          return await this.#disk.rename(this.#chunkPath(chunk), aside);
        } catch (error) {
          const code = systemCode(error);
          if (code === "ENOENT") return;
          if (code === undefined || !NOT_A_FILE.includes(code)) throw error;
        }
      }
    });
  }

  async space(): Promise<ChunkServerSpace> {
    return this.#attempt("say how much room it has", async () => {
      const space = await this.#disk.space(this.#target.directory);
      return { ...space, reserveBytes: reserveBytes(space) };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#leave("It was closed.");
  }

  async #attempt<T>(what: string, operation: () => Promise<T>): Promise<T> {
    this.#assertAvailable();
    try {
      return await operation();
    } catch (error) {
      throw fromDiskError(this.name, what, error);
    }
  }

  #assertAvailable(): void {
    if (this.#reason === undefined) return;
    throw new SkerryError("unavailable/replicas", `Chunkserver ${this.name} is not available. ${this.#reason}`);
  }

  #leave(reason: string): void {
    this.#reason = reason;
    this.#device = undefined;
  }

  /** After the first opening the directory must be the same one when it comes back. */
  #knownTarget(): DirectoryToOpen {
    return this.#identity === undefined ? this.#target : { ...this.#target, known: this.#identity };
  }

  async #makeLayout(): Promise<void> {
    const chunks = this.#inside("chunks");
    for (const directory of [chunks, this.#inside("staging"), this.#inside("quarantine")]) {
      await this.#disk.makeDirectory(directory);
    }
    const there = new Set(await this.#disk.readDirectory(chunks));
    for (const prefix of FAN) if (!there.has(prefix)) await this.#disk.makeDirectory(join(chunks, prefix));
    await this.#disk.syncDirectory(chunks);
    await this.#disk.syncDirectory(this.#target.directory);
  }

  async #removeIfThere(path: string): Promise<void> {
    try {
      await this.#disk.remove(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }

  #missing(chunk: ChunkId): SkerryError {
    return new SkerryError("not_found", `Chunkserver ${this.name} has no replica of chunk ${chunk.id}.`);
  }

  #inside(part: "chunks" | "staging" | "quarantine"): string {
    return join(this.#target.directory, part);
  }

  #fanDirectory(chunk: ChunkId): string {
    return join(this.#inside("chunks"), chunk.id.slice(0, 2));
  }

  #stagingPath(chunk: ChunkId): string {
    return join(this.#inside("staging"), chunkFileName(chunk));
  }

  #chunkPath(chunk: ChunkId): string {
    return join(this.#fanDirectory(chunk), chunkFileName(chunk));
  }
}
