/**
 * When each credential was last used: wall time in memory, written to a small file now and then. Not in the store, because
 * it changes with each request. Losing some of it is fine.
 */
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Disk } from "../domain/ports.ts";
import type { Logger } from "../domain/telemetry.ts";

const FILE = "last-used.json";
/** A uid, a number and the punctuation. */
const MAX_FILE_BYTES = LIMITS.auth.maxLastUsedKeys * 64;

interface LastUsedFile {
  readonly version: 1;
  /** Uid of the credential -> milliseconds since the epoch. */
  readonly used: Readonly<Record<string, number>>;
}

export class LastUsed {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #used = new Map<string, number>();
  #dirty = false;

  constructor(options: { disk: Disk; directory: string; clock: Clock; log: Logger }) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  touch(uid: string): void {
    // Put at the end: the one that was not used for longest goes first.
    this.#used.delete(uid);
    this.#used.set(uid, this.#clock.wallMs());
    this.#dirty = true;
    if (this.#used.size <= LIMITS.auth.maxLastUsedKeys) return;
    const oldest = this.#used.keys().next();
    if (!oldest.done) this.#used.delete(oldest.value);
  }

  /** ISO 8601. */
  at(uid: string): string | undefined {
    const used = this.#used.get(uid);
    return used === undefined ? undefined : new Date(used).toISOString();
  }

  /** A file that is missing or cannot be read is as good as an empty one. */
  async load(): Promise<void> {
    try {
      await using file = await this.#disk.open(`${this.#directory}/${FILE}`);
      const size = await file.size();
      if (size > MAX_FILE_BYTES) throw new Error(`${FILE} has ${size} bytes`);
      const bytes = new Uint8Array(size);
      const count = await file.read(bytes, 0);
      const content = JSON.parse(Buffer.from(bytes.subarray(0, count)).toString()) as LastUsedFile;
      if (content.version !== 1) throw new Error(`${FILE} has another version`);
      for (const [uid, ms] of Object.entries(content.used)) {
        if (Number.isFinite(ms) && !this.#used.has(uid)) this.#used.set(uid, ms);
      }
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
      this.#log.warn({ error }, "auth: the times of last use cannot be read and begin anew");
    }
  }

  /** Writes the file when something has changed. `isKnown` drops what has gone. Never rejects. */
  async save(isKnown: (uid: string) => boolean): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    for (const uid of this.#used.keys()) if (!isKnown(uid)) this.#used.delete(uid);
    const content: LastUsedFile = { version: 1, used: Object.fromEntries(this.#used) };
    const path = `${this.#directory}/${FILE}`;
    try {
      {
        await using file = await this.#disk.open(`${path}.new`, { write: true, create: "if-missing" });
        await file.truncate(0);
        await file.write(Buffer.from(JSON.stringify(content)), 0);
      }
      // Not synced: a torn file after a power cut reads as an empty one.
      await this.#disk.rename(`${path}.new`, path);
    } catch (error) {
      this.#dirty = true;
      this.#log.warn({ error }, "auth: the times of last use cannot be written");
    }
  }
}
