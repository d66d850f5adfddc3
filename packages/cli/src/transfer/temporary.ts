/** Temporary files, gone at the latest when the program ends (but for kill -9). */
import { randomBytes } from "node:crypto";
import { constants, unlinkSync } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const alive = new Set<string>();
let watching = false;

export interface TemporaryFile extends AsyncDisposable {
  readonly handle: FileHandle;
  /** Puts it in the target's place, durably. Nothing but this changes the target. */
  commit(): Promise<void>;
}

/**
 * A new file beside `target`, never through a link. Disposed without a commit, it is removed and the target is as it was.
 */
export async function createTemporary(target: string): Promise<TemporaryFile> {
  removeAtExit();
  const directory = dirname(target);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  // Long names must not become too long.
  const name = `.${Buffer.from(basename(target))
    .subarray(0, 200)
    .toString("latin1")
    .replace(/[^\w.-]/g, "_")}`;
  const path = join(directory, `${name}.${randomBytes(6).toString("hex")}.part`);
  alive.add(path);
  const handle = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o666).catch((error: unknown) => {
    alive.delete(path);
    throw error;
  });
  let open_ = true;
  return {
    handle,
    async commit() {
      await handle.sync();
      await handle.close();
      open_ = false;
      await rename(path, target);
      alive.delete(path);
      await using parent = await open(directory, "r");
      await parent.sync();
    },
    async [Symbol.asyncDispose]() {
      if (open_) await handle.close();
      if (!alive.has(path)) return;
      await unlink(path).catch(() => undefined);
      alive.delete(path);
    },
  };
}

function removeAtExit(): void {
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const path of alive) {
      try {
        unlinkSync(path);
      } catch {
        // It is gone already, or will not go: there is nobody to tell any more.
      }
    }
  });
}
