/** The rows of a screen, however its source gives them. */
import type { Source } from "../screens/screen.ts";
import type { Changes } from "./changes.ts";
import { Collection, type CollectionOptions, type Phase } from "./collection.ts";
import { Poll } from "./poll.ts";
import { Tail } from "./tail.ts";
import { Traffic } from "./traffic.ts";

export interface Rows<T> extends Disposable {
  readonly changes: Changes;
  readonly phase: Phase;
  readonly items: readonly T[];
  /** Whether the daemon has more than is here. */
  readonly hasMore: boolean;
  more(): void;
  /** Asks again; what is there stays until the answer comes. Never rejects. */
  refresh(): Promise<void>;
  /** Of lines that come: only those that are wanted are kept from now on; undefined: all. */
  choose?(wants: ((item: T) => boolean) | undefined): void;
  /** What they are together. Escaped. */
  readonly summary?: string;
  /** Of lines that come: how many are here, wanted or not; and how many of what came are here no more. */
  readonly count?: { readonly kept: number; readonly left: number };
}

export interface RowsOptions<T> extends Omit<CollectionOptions<T>, "source"> {
  readonly source: Source<T>;
}

export function openRows<T>({ source, ...options }: RowsOptions<T>): Rows<T> {
  if (source.kind === "traffic") return new Traffic(options) as unknown as Rows<T>;
  if (source.kind === "poll") return new Poll<T>({ ...options, source });
  return source.kind === "lines" ? new Tail<T>({ ...options, source }) : new Collection<T>({ ...options, source });
}
