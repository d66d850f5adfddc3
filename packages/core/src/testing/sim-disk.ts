/**
 * A disk that forgets. It keeps what was synced apart from what was only written: `crash()` drops every unsynced write and
 * name, or keeps a random part of them with writes torn at 512 bytes. One seed replays one run.
 *
 * The model is POSIX as strictly as a journaling file system keeps it: a name is durable after its directory was synced,
 * content after `syncData`; a rename is atomic, and durable as a whole once either of its directories was synced.
 */
import { posix } from "node:path";
import type { Disk, DiskFile, DiskSpace, DiskStat, OpenFlags } from "../domain/ports.ts";
import { apply, Inode, ownCopy, tear } from "./sim-inode.ts";
import { createSimRandom, type SimRandom } from "./sim-random.ts";

export type SimOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "readDirectory"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "stat"
  | "syncDirectory"
  | "space";

/** Waiting in these would only make simulations slow: nothing of interest happens meanwhile. */
const PROMPT: ReadonlySet<SimOperation> = new Set(["makeDirectory", "readDirectory", "stat", "space"]);

export interface SimDiskOptions {
  readonly seed?: number;
  /** Bytes that each device holds. */
  readonly capacityBytes?: number;
  /** Top directory -> device number; other paths are on device 1. */
  readonly devices?: Readonly<Record<string, number>>;
}

type Node = Inode | "directory";

/** A change of names that is not durable yet: `path` loses or gets a node, for a rename two of them at once. */
interface NameChange {
  readonly set: readonly (readonly [path: string, node: Node | undefined])[];
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export interface SimDisk extends Disk {
  /** Counts operations that reached the disk. */
  readonly operations: number;
  /** Files that were opened and not closed. */
  readonly openFiles: number;
  /** From the next operations on: `undefined` lets it pass, a code (`EIO`, `ENOSPC`) makes it fail. */
  inject(fault: ((operation: SimOperation, path: string) => string | undefined) | undefined): void;
  /** Crashes in the middle of the operation that comes after `count` more; what is under way then fails. */
  crashAfter(count: number): void;
  /**
   * The power goes. `dropAll`: nothing unsynced survives; `someKept`: a random part does. Open files are dead.
   */
  crash(mode: "dropAll" | "someKept"): void;
  readonly crashed: boolean;
  /** The power is back: operations work again. */
  powerOn(): void;
  /** Flips one bit of what is on the disk. */
  flipBit(path: string, offsetBytes: number): void;
  /** Takes a file or directory with all in it away, durably, as a person or a dying disk would. */
  vanish(path: string): void;
  /** Paths of all files now. */
  files(): string[];
  /** Content of a file now. */
  content(path: string): Buffer;
  setCapacity(bytes: number): void;
}

export function createSimDisk(options: SimDiskOptions = {}): SimDisk {
  return new SimulatedDisk(options);
}

class SimulatedDisk implements SimDisk {
  readonly #random: SimRandom;
  readonly #devices: Readonly<Record<string, number>>;
  #capacityBytes: number;
  #names = new Map<string, Node>([["/", "directory"]]);
  #durableNames = new Map<string, Node>([["/", "directory"]]);
  #pending: NameChange[] = [];
  /** Directory -> names in it; made when it is asked for, void after each change. */
  #listing: Map<string, string[]> | undefined;
  #fault: ((operation: SimOperation, path: string) => string | undefined) | undefined;
  #crashAt = Number.POSITIVE_INFINITY;
  /** Counts crashes: a file of an earlier life is dead. */
  #life = 0;
  #crashed = false;
  operations = 0;
  /** One object for each open file. */
  readonly #open = new Set<object>();

  constructor({ seed = 1, capacityBytes = Number.POSITIVE_INFINITY, devices = {} }: SimDiskOptions) {
    this.#random = createSimRandom(seed);
    this.#capacityBytes = capacityBytes;
    this.#devices = devices;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  inject(fault: ((operation: SimOperation, path: string) => string | undefined) | undefined): void {
    this.#fault = fault;
  }

  crashAfter(count: number): void {
    this.#crashAt = this.operations + count;
  }

  powerOn(): void {
    this.#crashed = false;
    this.#crashAt = Number.POSITIVE_INFINITY;
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  crash(mode: "dropAll" | "someKept"): void {
    this.#life += 1;
    this.#crashed = true;
    this.#open.clear();
    if (mode === "someKept") {
      for (const change of [...this.#pending]) if (this.#random.chance(0.5)) this.#makeDurable(change);
    }
    this.#pending = [];
    this.#names = new Map(this.#durableNames);
    for (const node of new Set(this.#names.values())) {
      if (node === "directory") continue;
      const kept = mode === "someKept" ? tear(node, this.#random) : node.durable;
      node.content = ownCopy(kept);
      node.durable = ownCopy(kept);
      node.unsynced = [];
    }
    // A name whose directory was lost is lost with it.
    for (const path of [...this.#names.keys()].sort()) {
      if (path !== "/" && this.#names.get(posix.dirname(path)) !== "directory") this.#names.delete(path);
    }
    this.#durableNames = new Map(this.#names);
    this.#listing = undefined;
  }

  flipBit(path: string, offsetBytes: number): void {
    const inode = this.#inode(path);
    inode.content[offsetBytes] = (inode.content[offsetBytes] ?? 0) ^ (1 << this.#random.below(8));
    inode.durable = ownCopy(inode.content);
  }

  vanish(path: string): void {
    this.#listing = undefined;
    for (const names of [this.#names, this.#durableNames]) {
      for (const each of [...names.keys()]) if (each === path || each.startsWith(`${path}/`)) names.delete(each);
    }
  }

  files(): string[] {
    return [...this.#names].flatMap(([path, node]) => (node === "directory" ? [] : [path])).sort();
  }

  content(path: string): Buffer {
    return ownCopy(this.#inode(path).content);
  }

  async open(path: string, flags: OpenFlags = {}): Promise<DiskFile> {
    await this.#step("open", path);
    const found = this.#names.get(path);
    if (found === "directory") throw systemError("EISDIR", path);
    if (found !== undefined && flags.create === "exclusive") throw systemError("EEXIST", path);
    if (found !== undefined) return this.#handle(path, found);
    if (flags.create === undefined) throw systemError("ENOENT", path);
    const inode = new Inode();
    this.#change([[path, inode]]);
    return this.#handle(path, inode);
  }

  async readDirectory(path: string): Promise<string[]> {
    await this.#step("readDirectory", path);
    if (this.#names.get(path) !== "directory") throw systemError("ENOENT", path);
    return this.#children(path);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step("makeDirectory", path);
    const missing: string[] = [];
    for (let at = path; !this.#names.has(at); at = posix.dirname(at)) missing.unshift(at);
    for (const each of missing) this.#change([[each, "directory"]]);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step("rename", from);
    const node = this.#names.get(from);
    if (node === undefined) throw systemError("ENOENT", from);
    this.#change([
      [from, undefined],
      [to, node],
    ]);
  }

  async remove(path: string): Promise<void> {
    await this.#step("remove", path);
    const node = this.#names.get(path);
    if (node === undefined) throw systemError("ENOENT", path);
    if (node === "directory") throw systemError("EISDIR", path);
    this.#change([[path, undefined]]);
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    await this.#step("stat", path);
    const node = this.#names.get(path);
    if (node === undefined) return undefined;
    const device = this.#device(path);
    if (node === "directory") return { kind: "directory", sizeBytes: 0, modifiedMs: 0, device };
    return { kind: "file", sizeBytes: node.content.byteLength, modifiedMs: node.modifiedMs, device };
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#step("syncDirectory", path);
    if (this.#names.get(path) !== "directory") throw systemError("ENOENT", path);
    const due = this.#pending.filter((change) => change.set.some(([name]) => posix.dirname(name) === path));
    for (const change of due) this.#makeDurable(change);
  }

  async space(path: string): Promise<DiskSpace> {
    await this.#step("space", path);
    if (!this.#names.has(path)) throw systemError("ENOENT", path);
    return { freeBytes: Math.max(0, this.#freeBytes(path)), totalBytes: this.#capacityBytes };
  }

  #handle(path: string, inode: Inode): DiskFile {
    const life = this.#life;
    const step = async (operation: SimOperation): Promise<void> => {
      await this.#step(operation, path, life);
    };
    const disk = this;
    const handle = {};
    this.#open.add(handle);
    const close = async (): Promise<void> => {
      this.#open.delete(handle);
    };
    return {
      async read(into, position) {
        await step("read");
        const part = inode.content.subarray(position, position + into.byteLength);
        into.set(part);
        return part.byteLength;
      },
      async write(data, position) {
        const copy = data.slice();
        await step("write");
        const grows = Math.max(0, position + copy.byteLength - inode.content.byteLength);
        if (grows > disk.#freeBytes(path)) throw systemError("ENOSPC", path);
        inode.content = apply(inode.content, { position, data: copy });
        inode.unsynced.push({ position, data: copy });
      },
      async syncData() {
        await step("sync");
        inode.durable = ownCopy(inode.content);
        inode.unsynced = [];
      },
      async truncate(sizeBytes) {
        await step("truncate");
        const next = Buffer.alloc(sizeBytes);
        inode.content.copy(next);
        inode.content = next;
      },
      size: async () => inode.content.byteLength,
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  /** Every operation passes here: it takes its turn among the others, may fail, and may be the last before a crash. */
  async #step(operation: SimOperation, path: string, life = this.#life): Promise<void> {
    const turns = PROMPT.has(operation) ? 0 : this.#random.below(3);
    for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
    if (this.#crashed || life !== this.#life) throw systemError("ECRASHED", path);
    this.operations += 1;
    if (this.operations > this.#crashAt) {
      this.#crashed = true;
      throw systemError("ECRASHED", path);
    }
    const code = this.#fault?.(operation, path);
    if (code !== undefined) throw systemError(code, `${operation} ${path}`);
  }

  #change(set: NameChange["set"]): void {
    for (const [path, node] of set) {
      if (node !== undefined && this.#names.get(posix.dirname(path)) !== "directory") throw systemError("ENOENT", path);
    }
    for (const [path, node] of set) assign(this.#names, path, node);
    this.#listing = undefined;
    this.#pending.push({ set });
  }

  /** Makes a change durable, after the earlier ones of the same names. */
  #makeDurable(change: NameChange): void {
    if (!this.#pending.includes(change)) return;
    const paths = new Set(change.set.map(([path]) => path));
    for (;;) {
      const earlier = this.#pending.slice(0, this.#pending.indexOf(change));
      const before = earlier.findLast((one) => one.set.some(([path]) => paths.has(path)));
      if (before === undefined) break;
      this.#makeDurable(before);
    }
    for (const [path, node] of change.set) assign(this.#durableNames, path, node);
    this.#pending = this.#pending.filter((one) => one !== change);
  }

  #children(path: string): string[] {
    if (this.#listing === undefined) {
      this.#listing = new Map();
      for (const each of [...this.#names.keys()].sort()) {
        if (each === "/") continue;
        const directory = posix.dirname(each);
        const names = this.#listing.get(directory);
        if (names === undefined) this.#listing.set(directory, [posix.basename(each)]);
        else names.push(posix.basename(each));
      }
    }
    return [...(this.#listing.get(path) ?? [])].sort();
  }

  #inode(path: string): Inode {
    const node = this.#names.get(path);
    if (node === undefined || node === "directory") throw systemError("ENOENT", path);
    return node;
  }

  #device(path: string): number {
    const top = Object.keys(this.#devices).find((each) => path === each || path.startsWith(`${each}/`));
    return top === undefined ? 1 : (this.#devices[top] ?? 1);
  }

  #freeBytes(path: string): number {
    const device = this.#device(path);
    let used = 0;
    for (const [each, node] of this.#names) {
      if (node !== "directory" && this.#device(each) === device) used += node.content.byteLength;
    }
    return this.#capacityBytes - used;
  }
}

function assign(names: Map<string, Node>, path: string, node: Node | undefined): void {
  if (node === undefined) names.delete(path);
  else names.set(path, node);
}
