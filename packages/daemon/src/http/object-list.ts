/** The objects of a bucket as a list: page by page, and what changes in it as events. */
import { type ObjectEntry, objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ListEvent, ResumePoint } from "@skerry/core/contract/dispatch/events.ts";
import { SkerryError, toSkerryError } from "@skerry/core/domain/errors.ts";
import type { ObjectChange } from "@skerry/core/domain/objects.ts";
import { resourceKey } from "@skerry/core/domain/resource.ts";
import type { BucketEntry } from "@skerry/core/storage/buckets.ts";
import { openBucket } from "./bucket.ts";
import type { FeedEvent } from "./feed.ts";
import { toObjectView } from "./object-view.ts";
import type { Services } from "./services.ts";

interface Place {
  readonly prefix?: string | undefined;
  readonly delimiter?: string | undefined;
}

export function objectListHandler(services: Services) {
  const { feeds, objects } = services;
  return handle.list(objectRoutes.list, {
    page: async (call, { params, query }) => {
      const { bucket } = await openBucket(services, call, params.bucket);
      // The number of the first page: what changes while somebody turns the pages comes with the watch from there.
      const { revision, after } =
        query.page === undefined ? { revision: feeds.objects.revision } : decodePage(query.page);
      const page = await objects.list({
        bucket: bucket.meta.uid,
        ...(query.prefix === undefined ? {} : { prefix: query.prefix }),
        ...(query.delimiter === undefined ? {} : { delimiter: query.delimiter }),
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        ...(after === undefined ? {} : { after }),
      });
      return {
        items: page.objects.map((info) => toObjectView(info, params.bucket)),
        prefixes: [...page.prefixes],
        revision,
        ...(page.next === undefined ? {} : { nextPage: encodePage(revision, page.next) }),
      };
    },
    watch: async (call, { params, query }, from) => {
      const bucket = await openBucket(services, call, params.bucket);
      return watchObjects(services, bucket, query, call, from);
    },
  });
}

/** Ends with `conflict/compacted` when the bucket itself changes: it may be gone, or not to be seen any more. */
async function* watchObjects(
  services: Services,
  entry: BucketEntry,
  place: Place,
  call: Call,
  from: ResumePoint | undefined,
): AsyncGenerator<ListEvent<ObjectEntry>> {
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal, ended.signal]);
  void untilBucketChanges(services, entry, signal).then((error) => ended.abort(error));
  try {
    yield* services.feeds.objects.watch(from, signal, (change) => present(services, entry, place, change));
    if (!call.signal.aborted) throw ended.signal.reason;
  } finally {
    ended.abort();
  }
}

async function untilBucketChanges(
  { store }: Services,
  { bucket, revision }: BucketEntry,
  signal: AbortSignal,
): Promise<SkerryError> {
  const key = resourceKey("bucket", bucket.meta.project, bucket.meta.name);
  try {
    for await (const event of store.watch({ prefix: key, from: revision + 1, signal })) {
      const changed = event.type === "put" ? event.entry.key : event.type === "delete" ? event.key : undefined;
      if (changed === key) break;
    }
  } catch (error) {
    return toSkerryError(error);
  }
  return new SkerryError("conflict/compacted", "The bucket has changed: list again.");
}

/** As it is now, which may be newer than the change. Nothing when it lies elsewhere. */
async function present(
  { objects }: Services,
  { bucket }: BucketEntry,
  { prefix = "", delimiter }: Place,
  change: ObjectChange,
): Promise<FeedEvent<ObjectEntry> | undefined> {
  if (change.bucket !== bucket.meta.uid || !change.key.startsWith(prefix)) return undefined;
  const where = { bucket: bucket.meta.uid, key: change.key };
  const end = delimiter === undefined ? -1 : change.key.indexOf(delimiter, prefix.length);
  if (delimiter === undefined || end < 0) {
    const info = await objects.head(where);
    if (info !== undefined) return { type: "put", item: toObjectView(info, bucket.meta.name) };
    return { type: "delete", item: { bucket: bucket.meta.name, key: change.key } };
  }
  const folder = change.key.slice(0, end + delimiter.length);
  const left = await objects.list({ bucket: where.bucket, prefix: folder, limit: 1 });
  const item = { bucket: bucket.meta.name, prefix: folder };
  return { type: left.objects.length > 0 ? "put" : "delete", item };
}

function encodePage(revision: number, after: string): string {
  return Buffer.from(`${revision}:${after}`).toString("base64url");
}

/** @throws `invalid`. */
function decodePage(token: string): { revision: number; after: string } {
  const [, revision, after] = /^(\d{1,15}):(.*)$/s.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (revision !== undefined && after !== undefined) return { revision: Number(revision), after };
  throw new SkerryError("invalid", "The page token is not one of this list. Begin again without it.");
}
