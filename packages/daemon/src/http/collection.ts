/** A kind of the store as a list of the API: pages as of one revision, and a watch that goes on from there. */
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { type HandlerEntry, handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ListEvent, ResumePoint } from "@skerry/core/contract/dispatch/events.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { Kind } from "@skerry/core/domain/resource.ts";
import type { Entry, Store, WatchEvent } from "@skerry/core/domain/store.ts";
import { matchesSelector } from "@skerry/core/store/selector.ts";
import { parseSelector } from "./selector.ts";

export interface Collection<T> {
  readonly kind: Kind;
  /**
   * For a kind whose status lies under the resource's key: the key of the resource when this is one of a status. A change
   * of the status is a change of the resource then.
   */
  readonly statusOf?: (key: string) => string | undefined;
  /** Whether who asks may see it. Asked again for every event. */
  visible(entry: Entry): boolean;
  /** `current`: it is what is there now; else nothing that is read besides the entry may be added. */
  present(entry: Entry, current: boolean): T | Promise<T>;
}

interface ListQuery {
  readonly labels?: string | undefined;
  readonly limit?: number | undefined;
  readonly page?: string | undefined;
  readonly project?: string | undefined;
}

interface Cursor {
  readonly revision: number;
  readonly after: string;
}

/**
 * The two handlers of a list that is a kind of the store. `within` names the project that it is limited to, if any.
 */
export function listHandler<R extends Route, T>(
  store: Store,
  route: R,
  collection: (call: Call) => Collection<T>,
  within: (call: Call, query: ListQuery) => string | undefined = () => undefined,
): HandlerEntry {
  return handle.list<Route>(route, {
    page: async (call, { query }) => {
      call.projects();
      return listPage(store, collection(call), query as ListQuery, within(call, query as ListQuery));
    },
    watch: (call, { query }, from) => {
      call.projects();
      return watchPage(store, collection(call), query as ListQuery, from, call, within(call, query as ListQuery));
    },
  });
}

/** Entries that are not visible are passed over without leaving a trace in the page. */
async function listPage<T>(
  store: Store,
  collection: Collection<T>,
  query: ListQuery,
  projectUid?: string,
): Promise<{ items: T[]; revision: number; nextPage?: string }> {
  const limit = query.limit ?? LIMITS.store.maxPageEntries;
  const selector = parseSelector(query.labels);
  const cursor = query.page === undefined ? undefined : decodeCursor(query.page);
  const prefix = prefixOf(collection.kind, projectUid);
  const items: T[] = [];
  let after = cursor?.after;
  let revision = cursor?.revision;
  let last = "";
  if (after !== undefined && !after.startsWith(prefix)) throw notOurToken();
  for (;;) {
    const page = await store.list({
      prefix,
      selector,
      ...(after === undefined ? {} : { after }),
      ...(revision === undefined ? {} : { revision }),
    });
    revision = page.revision;
    for (const entry of page.entries) {
      if (collection.statusOf?.(entry.key) !== undefined) continue;
      const now = await visibleNow(store, collection, entry);
      if (now === undefined) continue;
      // Only a further entry that is visible makes a further page: hidden ones leave no trace.
      if (items.length === limit) return { items, revision, nextPage: encodeCursor({ revision, after: last }) };
      items.push(await collection.present(entry, now === "current"));
      last = entry.key;
    }
    if (page.next === undefined) return { items, revision };
    after = page.next;
  }
}

/**
 * What was visible once is shown only while what is there now is visible too: a page token or an old revision must not
 * open what has been closed since. Undefined = not visible.
 */
async function visibleNow<T>(
  store: Store,
  collection: Collection<T>,
  entry: Entry,
): Promise<"current" | "past" | undefined> {
  if (!collection.visible(entry)) return undefined;
  const newest = await store.get(entry.key);
  if (newest?.modRevision === entry.modRevision) return "current";
  return newest === undefined || collection.visible(newest) ? "past" : undefined;
}

/** What leaves the selector, or the view of who asks, is a delete. @throws `invalid` (selector) before anything streams. */
function watchPage<T>(
  store: Store,
  collection: Collection<T>,
  query: ListQuery,
  resume: ResumePoint | undefined,
  call: Call,
  projectUid?: string,
): AsyncIterable<ListEvent<T>> {
  const selector = parseSelector(query.labels);
  const events = store.watch({
    prefix: prefixOf(collection.kind, projectUid),
    ...(resume === undefined ? {} : { from: resume.revision }),
    progressMs: LIMITS.http.streamHeartbeatMs,
    signal: call.signal,
  });
  const shown = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && matchesSelector(entry.labels, selector) && collection.visible(entry);
  return listEvents(store, events, collection, shown, resume);
}

async function* listEvents<T>(
  store: Store,
  events: AsyncIterable<WatchEvent>,
  collection: Collection<T>,
  shown: (entry: Entry | undefined) => entry is Entry,
  resume: ResumePoint | undefined,
): AsyncGenerator<ListEvent<T>> {
  let revision = 0;
  let n = 0;
  for await (const event of events) {
    if (event.type === "progress") {
      yield { type: "progress", id: String(event.revision) };
      continue;
    }
    n = event.revision === revision ? n + 1 : 1;
    revision = event.revision;
    if (resume !== undefined && revision === resume.revision && n <= resume.skip) continue;
    const id = `${revision}.${n}`;
    const changed = event.type === "put" ? event.entry.key : event.key;
    const owner = collection.statusOf?.(changed);
    if (owner !== undefined) {
      // A status that goes goes with its resource, which tells.
      const entry = event.type === "put" ? await store.get(owner) : undefined;
      if (entry !== undefined && shown(entry)) yield { type: "put", id, item: await collection.present(entry, true) };
      continue;
    }
    if (event.type === "put" && shown(event.entry)) {
      const now = await visibleNow(store, collection, event.entry);
      if (now !== undefined) yield { type: "put", id, item: await collection.present(event.entry, now === "current") };
    } else if (shown(event.previous)) {
      yield { type: "delete", id, item: await collection.present(event.previous, false) };
    }
  }
}

function prefixOf(kind: Kind, projectUid: string | undefined): string {
  return projectUid === undefined ? `/${kind}/` : `/${kind}/${projectUid}/`;
}

function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify([cursor.revision, cursor.after])).toString("base64url");
}

/** @throws `invalid`. */
function decodeCursor(token: string): Cursor {
  try {
    const [revision, after] = JSON.parse(Buffer.from(token, "base64url").toString()) as unknown[];
    if (Number.isSafeInteger(revision) && typeof after === "string") return { revision: revision as number, after };
  } catch {
    // Answered below.
  }
  throw notOurToken();
}

function notOurToken(): SkerryError {
  return new SkerryError("invalid", "The page token is not one of this list. Begin again without it.");
}
