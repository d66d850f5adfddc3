/** The file systems of the machine. Files are made with mode 0600, directories with 0700. */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import type { Disk, DiskFile, OpenFlags } from "../domain/ports.ts";

const { O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function systemFlags(flags: OpenFlags): number {
  const create = flags.create === "exclusive" ? O_CREAT | O_EXCL : flags.create === "if-missing" ? O_CREAT : 0;
  // A link or a pipe in a file's place is nobody's file of ours: opening it must neither follow nor hang.
  return (flags.write ? O_RDWR : O_RDONLY) | create | O_NOFOLLOW | O_NONBLOCK;
}

class RealFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #flags: number;
  readonly #direct: boolean;
  /** The same inode through the page cache, once a direct read or write was refused. */
  #buffered: Promise<FileHandle> | undefined;

  constructor(handle: FileHandle, flags: number, direct: boolean) {
    this.#handle = handle;
    this.#flags = flags;
    this.#direct = direct;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.byteLength) {
      const rest = done === 0 ? into : into.subarray(done);
      const count = await this.#attempt(async (handle) => {
        return (await handle.read(rest, 0, rest.byteLength, position + done)).bytesRead;
      });
      done += count;
      // A short direct read is the end of the file: going on would be unaligned.
      if (count === 0 || this.#direct) break;
    }
    return done;
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < data.byteLength) {
      const rest = done === 0 ? data : data.subarray(done);
      done += await this.#attempt(async (handle) => {
        return (await handle.write(rest, 0, rest.byteLength, position + done)).bytesWritten;
      });
    }
  }

  async #attempt(operation: (handle: FileHandle) => Promise<number>): Promise<number> {
    if (this.#buffered !== undefined) return operation(await this.#buffered);
    try {
      return await operation(this.#handle);
    } catch (error) {
      if (!this.#direct || errorCode(error) !== "EINVAL") throw error;
      this.#buffered ??= open(`/proc/self/fd/${this.#handle.fd}`, this.#flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW));
      return operation(await this.#buffered);
    }
  }

  async syncData(): Promise<void> {
    await this.#handle.datasync();
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    const buffered = await this.#buffered?.catch(() => undefined);
    await buffered?.close();
    await this.#handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** @throws `EFTYPE` for what is no regular file. */
async function openRegular(path: string, flags: number): Promise<FileHandle> {
  const handle = await open(path, flags, 0o600);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw Object.assign(new Error(`${path} is not a regular file`), { code: "EFTYPE" });
}

async function openFile(path: string, flags: OpenFlags = {}): Promise<DiskFile> {
  const system = systemFlags(flags);
  if (flags.direct) {
    try {
      return new RealFile(await openRegular(path, system | O_DIRECT), system, true);
    } catch (error) {
      // A file system without O_DIRECT says so here, some only after they made the file.
      if (errorCode(error) !== "EINVAL") throw error;
      const retry = flags.create === "exclusive" ? system & ~O_EXCL : system;
      return new RealFile(await openRegular(path, retry), system, false);
    }
  }
  return new RealFile(await openRegular(path, system), system, false);
}

export const realDisk: Disk = {
  open: openFile,
  readDirectory: async (path) => (await readdir(path)).sort(),
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  rename,
  remove: unlink,
  stat: async (path) => {
    const found = await stat(path).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    return { kind, sizeBytes: found.size, modifiedMs: found.mtimeMs, device: found.dev };
  },
  syncDirectory: async (path) => {
    const handle = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  space: async (path) => {
    const found = await statfs(path);
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  },
};
