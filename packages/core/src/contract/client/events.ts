/** Follows a list: page, then events, resumed after a break and listed again when the history is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import { fromProblem, type Problem, SkerryError, toSkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";

export type ClientEvent<T> =
  | { readonly type: "reset"; readonly items: readonly T[]; readonly revision: number }
  | { readonly type: "put"; readonly item: T }
  | { readonly type: "delete"; readonly item: T }
  /** Nothing has changed up to here: what is shown is as of now. */
  | { readonly type: "progress" }
  /** The connection is lost and being made again: what is shown may be old. */
  | { readonly type: "stale"; readonly error: SkerryError }
  /** After `stale`: the connection stands again, and what was missed follows. */
  | { readonly type: "connected" };

export interface WatchSource<T> {
  /** Lists what is there. Or a number: only what comes from there on, until that is not kept any more. */
  readonly first: number | ((token: string | undefined) => Promise<ListedPage<T>>);
  open(from: number | undefined, lastEventId: string | undefined): Promise<AsyncIterable<Uint8Array>>;
  readonly signal: AbortSignal;
  /** Default: that of the product. */
  readonly silenceMs?: number;
}

interface ListedPage<T> {
  readonly items: readonly T[];
  readonly revision: number;
  readonly nextPage?: string;
}

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** An event that is larger than any resource is not ours. */
const MAX_EVENT_CHARS = 4 * 1024 * 1024;

export async function* watchList<T>(source: WatchSource<T>): AsyncGenerator<ClientEvent<T>> {
  let lastEventId: string | undefined;
  const { first } = source;
  let from = typeof first === "number" ? first : undefined;
  let backoffMs = MIN_BACKOFF_MS;
  let lost = false;
  while (!source.signal.aborted) {
    try {
      if (lastEventId === undefined && from === undefined && typeof first !== "number") {
        const { items, revision } = await listAll(first);
        from = revision + 1;
        yield { type: "reset", items, revision };
      }
      const bytes = whileHeard(await source.open(from, lastEventId), source.silenceMs ?? LIMITS.http.streamSilenceMs);
      if (lost) yield { type: "connected" };
      lost = false;
      for await (const event of parseEvents(bytes)) {
        backoffMs = MIN_BACKOFF_MS;
        if (event.id !== undefined) lastEventId = event.id;
        if (event.name === "end") throw fromProblem(event.data as Problem);
        if (event.name === "progress") yield { type: "progress" };
        else if (event.name === "put" || event.name === "delete") yield { type: event.name, item: event.data as T };
      }
      throw new SkerryError("unavailable", "The stream ended.");
    } catch (thrown) {
      if (source.signal.aborted) return;
      const error = toSkerryError(thrown);
      if (error.is("conflict/compacted") && typeof first !== "number") {
        lastEventId = undefined;
        from = undefined;
      } else if (error.code !== "unavailable" && error.code !== "exhausted") throw error;
      else {
        lost = true;
        yield { type: "stale", error };
      }
      await sleep(backoffMs, undefined, { signal: source.signal }).catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }
}

/** A connection may be dead without anybody saying so (a machine that lost its power): then nothing comes, ever. */
async function* whileHeard(bytes: AsyncIterable<Uint8Array>, silenceMs: number): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const heard = new AbortController();
      const silence = sleep(silenceMs, "silence" as const, { signal: heard.signal }).catch(() => "silence" as const);
      const next = iterator.next();
      const first = await Promise.race([next, silence]).finally(() => heard.abort());
      if (first === "silence") {
        next.catch(() => undefined);
        throw new SkerryError("unavailable", `Nothing has come for ${silenceMs / 1000} s, not even a sign of life.`);
      }
      if (first.done) return;
      yield first.value;
    }
  } finally {
    // Not waited for: what is silent may not answer this either.
    iterator.return?.().catch(() => undefined);
  }
}

async function listAll<T>(
  ask: (token: string | undefined) => Promise<ListedPage<T>>,
): Promise<{ items: T[]; revision: number }> {
  const items: T[] = [];
  let token: string | undefined;
  for (;;) {
    const page = await ask(token);
    items.push(...page.items);
    if (page.nextPage === undefined) return { items, revision: page.revision };
    token = page.nextPage;
  }
}

interface ServerEvent {
  readonly name: string;
  readonly id?: string;
  readonly data: unknown;
}

/** The WHATWG event stream format, as far as our server uses it (LF, no retry). */
async function* parseEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of bytes) {
    rest += decoder.decode(part, { stream: true });
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const event = parseEvent(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (event !== undefined) yield event;
    }
    if (rest.length > MAX_EVENT_CHARS) throw new SkerryError("internal", "An event of the stream is too large.");
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  let name = "message";
  let id: string | undefined;
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data === "") return undefined;
  return { name, data: JSON.parse(data) as unknown, ...(id === undefined ? {} : { id }) };
}
