/** Temporary files, gone at the latest when the program ends (but for kill -9). */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { HeldTarget } from "./safe-path.ts";

/** Removes one at once. An entry leaves before its directory is closed: the descriptor may soon be another's. */
const alive = new Set<() => void>();
let watching = false;

export interface TemporaryFile extends AsyncDisposable {
  readonly handle: FileHandle;
  /** Puts it in the target's place, durably. Nothing but this changes the target. @throws `invalid` when the way to it has changed. */
  commit(): Promise<void>;
}

/**
 * A new file beside the target, never through a link. Disposed without a commit, it is removed and the target is as it was.
 * To be disposed before the target. `newMode` is that of a target that is not there yet (default 0666 without the umask).
 */
export async function createTemporary(target: HeldTarget, newMode = 0o666): Promise<TemporaryFile> {
  removeAtExit();
  const { directory } = target;
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  // Long names must not become too long.
  const beginning = `.${Buffer.from(target.name)
    .subarray(0, 200)
    .toString("latin1")
    .replace(/[^\w.-]/g, "_")}`;
  const name = `${beginning}.${randomBytes(6).toString("hex")}.part`;
  const removeNow = () => directory.unlinkNow(name);
  await target.assertInPlace();
  const mode = await modeBefore(target);
  alive.add(removeNow);
  const handle = await directory
    .openFile(name, O_CREAT | O_EXCL | O_WRONLY, mode ?? newMode)
    .catch((error: unknown) => {
      alive.delete(removeNow);
      throw error;
    });
  let open = true;
  return {
    handle,
    async commit() {
      // Whatever the umask: a file that only its owner may read stays so, and so does one for the group.
      if (mode !== undefined) await handle.chmod(mode);
      await handle.sync();
      await handle.close();
      open = false;
      await target.assertInPlace();
      await directory.rename(name, target.name);
      alive.delete(removeNow);
      await directory.sync();
    },
    async [Symbol.asyncDispose]() {
      if (open) await handle.close();
      if (!alive.has(removeNow)) return;
      await directory.unlink(name).catch(() => undefined);
      alive.delete(removeNow);
    },
  };
}

/** Who may read and write the file that will be replaced; a set-uid bit does not go over to new content. */
async function modeBefore({ directory, name }: HeldTarget): Promise<number | undefined> {
  try {
    return (await directory.look(name)).mode & 0o777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function removeAtExit(): void {
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const removeNow of alive) {
      try {
        removeNow();
      } catch {
        // It is gone already, or will not go: there is nobody to tell any more.
      }
    }
  });
}
