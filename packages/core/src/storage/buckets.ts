/**
 * Buckets: declared in the store, with a shard of the same uid in the object index. No transaction spans the two, so the
 * order is what keeps them together: the shard exists before its bucket is seen, and goes before the bucket does. A delete
 * is written down first, apart from the bucket, so that a start can end what a crash has cut in half.
 */
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Bucket, ObjectIndex, Visibility } from "../domain/objects.ts";
import type { Clock, Random } from "../domain/ports.ts";
import {
  assertName,
  CLOUD,
  newMeta,
  newUid,
  type Resource,
  resourceKey,
  touchMeta,
  uniqueKey,
} from "../domain/resource.ts";
import type { Entry, Json, Store, TransactionResult } from "../domain/store.ts";

/** Where deletes that have begun are written down, each under a key of its own. */
const DELETIONS = "/deletion/bucket/";

/** A bucket with the revision of its last change. */
export interface BucketEntry {
  readonly bucket: Bucket;
  readonly revision: number;
}

export interface BucketChange {
  readonly visibility?: Visibility;
  readonly labels?: Readonly<Record<string, string>>;
  /** Refuse when the bucket has changed since. */
  readonly revision?: number;
}

/** The bucket that a delete is about. */
interface Deletion {
  readonly uid: string;
  readonly name: string;
  readonly project: string;
}

export class BucketService {
  /** Creates and deletes that have begun: each changes the store and the index, one after the other. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** While it is there, none begins. */
  #quiet: Promise<void> | undefined;
  readonly #store: Store;
  readonly #index: Pick<ObjectIndex, "batch" | "totals">;
  readonly #world: { clock: Clock; random: Random };

  constructor(options: {
    store: Store;
    index: Pick<ObjectIndex, "batch" | "totals">;
    clock: Clock;
    random: Random;
  }) {
    this.#store = options.store;
    this.#index = options.index;
    this.#world = options;
  }

  /** By its name, which is unique in the cloud. */
  async find(name: string): Promise<BucketEntry | undefined> {
    const owner = await this.#store.get(uniqueKey("bucket", name));
    if (owner === undefined) return undefined;
    const { project } = owner.value as { project: string };
    const entry = await this.#store.get(resourceKey("bucket", project, name));
    return entry && toBucket(entry);
  }

  /**
   * Runs `look` at a moment when store and index tell of the same buckets, for a backup. Creates and deletes wait for its end,
   * objects come and go.
   */
  async whileQuiet<T>(look: () => Promise<T>): Promise<T> {
    while (this.#quiet !== undefined) await this.#quiet;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#quiet = promise;
    try {
      await Promise.allSettled(this.#underWay);
      return await look();
    } finally {
      this.#quiet = undefined;
      resolve();
    }
  }

  async #change<T>(change: () => Promise<T>): Promise<T> {
    while (this.#quiet !== undefined) await this.#quiet;
    const running = change();
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  /**
   * @throws `invalid` (name), `conflict/exists` without saying whose it is, `exhausted/quota`, `not_found` (the project went
   * meanwhile).
   */
  async create(input: {
    name: string;
    /** Uid of the project. */
    project: string;
    projectName: string;
    visibility: Visibility;
    labels?: Readonly<Record<string, string>>;
  }): Promise<BucketEntry> {
    return this.#change(() => this.#create(input));
  }

  /** All of a cloud lie in memory, and a list looks at each. */
  async #assertRoom(project: string): Promise<void> {
    const limit = LIMITS.objects.maxBucketsPerProject;
    const { entries } = await this.#store.list({ prefix: `/bucket/${project}/`, limit });
    if (entries.length < limit) return;
    throw new SkerryError("exhausted/quota", `The project has ${limit} buckets, the most that one may have.`, {
      hint: "Remove some first: skerry bucket rm NAME. Folders need none: keys may have slashes.",
    });
  }

  async #create(input: Parameters<BucketService["create"]>[0]): Promise<BucketEntry> {
    assertName(input.name, "bucket");
    const meta = newMeta(input, this.#world);
    const bucket: Bucket = { kind: "bucket", meta, spec: { visibility: input.visibility } };
    if ((await this.#store.get(uniqueKey("bucket", input.name))) !== undefined) throw taken(input.name);
    const project = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
    if (project === undefined || !takesResources(project, input.project)) throw projectGone(input.projectName);
    await this.#assertRoom(input.project);
    await this.#index.batch([{ op: "create-bucket", bucket: meta.uid }]);
    const { succeeded, revision } = await this.#declare(bucket, project).catch(async (error: unknown) => {
      // Whether it is there is not always known then, and a bucket needs its shard.
      if (isRefused(error)) await this.#dropShard(meta.uid);
      throw error;
    });
    if (succeeded) return { bucket, revision };
    await this.#dropShard(meta.uid);
    if ((await this.#store.get(uniqueKey("bucket", meta.name))) !== undefined) throw taken(meta.name);
    throw projectGone(input.projectName);
  }

  /** @throws `not_found`, `conflict/precondition`. */
  async update(name: string, change: BucketChange): Promise<BucketEntry> {
    for (;;) {
      const { bucket, revision } = await this.#expect(name);
      if (change.revision !== undefined && change.revision !== revision) {
        throw new SkerryError(
          "conflict/precondition",
          `The bucket ${name} has changed since revision ${change.revision}.`,
        );
      }
      const next: Bucket = {
        ...bucket,
        meta: touchMeta(bucket.meta, this.#world.clock, change.labels),
        spec: { visibility: change.visibility ?? bucket.spec.visibility },
      };
      const written = await this.#replace(next, revision);
      if (written !== undefined) return { bucket: next, revision: written };
    }
  }

  /**
   * The index decides, at one moment, between this and whoever puts an object there; a refused delete has touched nothing.
   * @throws `not_found`, `conflict/not-empty`.
   */
  async delete(name: string): Promise<void> {
    return this.#change(() => this.#delete(name));
  }

  async #delete(name: string): Promise<void> {
    const { uid, project } = (await this.#expect(name)).bucket.meta;
    if ((await this.#index.totals(uid)).objects > 0) throw notEmpty(name);
    const deletion: Deletion = { uid, name, project };
    const intent = `${DELETIONS}${newUid(this.#world.random)}`;
    await this.#store.transact({ then: [{ op: "put", key: intent, value: { ...deletion } }] });
    await this.#finishDelete(intent, deletion);
  }

  /** After a start: ends the deletes that a stop has cut in half. */
  async resume(): Promise<void> {
    for (;;) {
      const { entries } = await this.#store.list({ prefix: DELETIONS });
      if (entries.length === 0) return;
      for (const { key, value } of entries) {
        await this.#finishDelete(key, value as unknown as Deletion).catch((error: unknown) => {
          if (!isError(error, "conflict/not-empty")) throw error;
        });
      }
    }
  }

  /** Leaves the intent to the next start when it is not known whether the shard is gone. */
  async #finishDelete(intent: string, { uid, name, project }: Deletion): Promise<void> {
    const forget = { op: "delete", key: intent } as const;
    try {
      await this.#dropShard(uid);
    } catch (error) {
      if (isRefused(error)) await this.#store.transact({ then: [forget] });
      throw isError(error, "conflict/not-empty") ? notEmpty(name) : error;
    }
    const unique = uniqueKey("bucket", name);
    await this.#store.transact({
      // Another delete may have been faster, and the name may have been taken again.
      compare: [{ key: unique, value: { uid, project } }],
      then: [{ op: "delete", key: resourceKey("bucket", project, name) }, { op: "delete", key: unique }, forget],
      otherwise: [forget],
    });
  }

  async #dropShard(uid: string): Promise<void> {
    await this.#index.batch([{ op: "drop-bucket", bucket: uid }]);
  }

  #declare(bucket: Bucket, project: Entry): Promise<TransactionResult> {
    const { uid, name, labels } = bucket.meta;
    const unique = uniqueKey("bucket", name);
    return this.#store.transact({
      compare: [
        { key: unique, modRevision: 0 },
        // A project that is being deleted was marked before it was found empty: nothing comes into it any more.
        { key: project.key, modRevision: project.modRevision },
      ],
      then: [
        { op: "put", key: unique, value: { uid, project: bucket.meta.project } },
        { op: "put", key: keyOf(bucket), value: bucket as unknown as Json, labels },
      ],
    });
  }

  /** The new revision, or nothing when it has changed meanwhile. */
  async #replace(bucket: Bucket, revision: number): Promise<number | undefined> {
    const key = keyOf(bucket);
    const result = await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [{ op: "put", key, value: bucket as unknown as Json, labels: bucket.meta.labels }],
    });
    return result.succeeded ? result.revision : undefined;
  }

  async #expect(name: string): Promise<BucketEntry> {
    const found = await this.find(name);
    if (found === undefined) throw new SkerryError("not_found", `There is no bucket ${name}.`);
    return found;
  }
}

export function toBucket(entry: Entry): BucketEntry {
  return { bucket: entry.value as unknown as Bucket, revision: entry.modRevision };
}

function keyOf({ meta }: Bucket): string {
  return resourceKey("bucket", meta.project, meta.name);
}

/** Nothing was done, for certain; after any other error it may have been. */
function isRefused(error: unknown): boolean {
  return error instanceof SkerryError && !error.is("unavailable") && !error.is("internal");
}

function takesResources(entry: Entry, uid: string): boolean {
  const { meta } = entry.value as unknown as Resource<unknown>;
  return meta.uid === uid && meta.deletingSince === undefined;
}

function projectGone(name: string): SkerryError {
  return new SkerryError("not_found", `The project ${name} has changed or gone meanwhile.`, { hint: "Try again." });
}

function notEmpty(name: string): SkerryError {
  return new SkerryError("conflict/not-empty", `The bucket ${name} still holds objects.`, {
    hint: `Remove them first: skerry rm -r ${name}:`,
  });
}

function taken(name: string): SkerryError {
  return new SkerryError("conflict/exists", `The bucket name ${name} is taken; bucket names are unique in the cloud.`, {
    hint: "Choose another name.",
  });
}
