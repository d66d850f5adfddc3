/** A log in memory: what is lost with the process. For tests, and for whoever wants a store without a disk. */
import type { Clock, Random } from "../../../domain/ports.ts";
import { newUid } from "../../../domain/resource.ts";
import type { Store } from "../../../domain/store.ts";
import { Engine, type EngineOptions } from "../../engine.ts";
import {
  assertHeader,
  EMPTY_SNAPSHOT,
  type LogDriver,
  type LogHeader,
  type LogLine,
  newHeader,
  type RecoveredLog,
} from "../../log.ts";

/** Outlives the store: a new one opened with it finds everything. */
export class MemoryLog implements LogDriver {
  readonly name = "memory";
  #header: LogHeader;
  #snapshot: string[] = [JSON.stringify(EMPTY_SNAPSHOT)];
  #lines: LogLine[] = [];
  /** Called before a batch counts as durable; rejecting is a failed disk. */
  beforeDurable: (lines: readonly LogLine[]) => Promise<void> = () => Promise.resolve();
  /** Called before a rewritten log takes the old one's place. */
  beforeRewrite: () => Promise<void> = () => Promise.resolve();

  constructor(world: { clock: Clock; random: Random }) {
    this.#header = newHeader(newUid(world.random), new Date(world.clock.wallMs()).toISOString());
  }

  recover(): RecoveredLog {
    assertHeader(this.#header, "in memory");
    return {
      header: this.#header,
      snapshot: this.#snapshot.map((text) => JSON.parse(text)),
      records: this.#lines.map(({ seq, body }) => ({ ...JSON.parse(body), seq, sizeBytes: body.length })),
    };
  }

  async append(lines: readonly LogLine[]): Promise<void> {
    await this.beforeDurable(lines);
    this.#lines.push(...lines);
  }

  async rewrite(header: LogHeader, snapshot: AsyncIterable<string>, keepFrom: number): Promise<void> {
    const parts: string[] = [];
    for await (const part of snapshot) parts.push(part);
    await this.beforeRewrite();
    this.#header = header;
    this.#snapshot = parts;
    this.#lines = this.#lines.filter((line) => line.seq >= keepFrom);
  }

  /** Records in the log. */
  get size(): number {
    return this.#lines.length;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A store that keeps everything in memory, or what `memory` holds. */
export function openMemoryStore(options: EngineOptions & { readonly memory?: MemoryLog }): Store {
  const log = options.memory ?? new MemoryLog(options);
  return new Engine(log, log.recover(), options);
}
