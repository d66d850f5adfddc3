/**
 * Buckets: declared in the store, with a shard of the same uid in the object index. No transaction spans the two, so the
 * order is what keeps them together: the shard exists before its bucket is seen, and goes before the bucket does.
 */
import { isError, SkerryError } from "../domain/errors.ts";
import type { Bucket, ObjectIndex, Visibility } from "../domain/objects.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, CLOUD, newMeta, type Resource, resourceKey, touchMeta, uniqueKey } from "../domain/resource.ts";
import type { Entry, Json, Store } from "../domain/store.ts";

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

export class BucketService {
  readonly #store: Store;
  readonly #index: ObjectIndex;
  readonly #world: { clock: Clock; random: Random };

  constructor(options: { store: Store; index: ObjectIndex; clock: Clock; random: Random }) {
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

  /** @throws `invalid` (name), `conflict/exists` without saying whose it is, `not_found` (the project went meanwhile). */
  async create(input: {
    name: string;
    /** Uid of the project. */
    project: string;
    projectName: string;
    visibility: Visibility;
    labels?: Readonly<Record<string, string>>;
  }): Promise<BucketEntry> {
    assertName(input.name, "bucket");
    const meta = newMeta(input, this.#world);
    const bucket: Bucket = { kind: "bucket", meta, spec: { visibility: input.visibility } };
    if ((await this.#store.get(uniqueKey("bucket", input.name))) !== undefined) throw taken(input.name);
    const project = await this.#store.get(resourceKey("project", CLOUD, input.projectName));
    if (project === undefined || !takesResources(project, input.project)) throw projectGone(input.projectName);
    await this.#index.batch([{ op: "create-bucket", bucket: meta.uid }]);
    const key = resourceKey("bucket", meta.project, meta.name);
    const { succeeded, revision } = await this.#store.transact({
      compare: [
        { key: uniqueKey("bucket", meta.name), modRevision: 0 },
        // A project that is being deleted was marked before it was found empty: nothing comes into it any more.
        { key: project.key, modRevision: project.modRevision },
      ],
      then: [
        { op: "put", key: uniqueKey("bucket", meta.name), value: { uid: meta.uid, project: meta.project } },
        { op: "put", key, value: bucket as unknown as Json, labels: meta.labels },
      ],
    });
    if (succeeded) return { bucket, revision };
    await this.#index.batch([{ op: "drop-bucket", bucket: meta.uid }]);
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

  /** @throws `not_found`, `conflict/not-empty`. */
  async delete(name: string): Promise<void> {
    for (;;) {
      const { bucket, revision } = await this.#expect(name);
      const deletingSince = new Date(this.#world.clock.wallMs()).toISOString();
      const marked = await this.#replace({ ...bucket, meta: { ...bucket.meta, deletingSince } }, revision);
      if (marked !== undefined) return this.#finishDelete(bucket, marked);
    }
  }

  /** After a start: ends the deletes that a stop has cut in half. */
  async resume(): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page = await this.#store.list({ prefix: "/bucket/", ...(after === undefined ? {} : { after }) });
      for (const { bucket, revision } of page.entries.map(toBucket)) {
        if (bucket.meta.deletingSince === undefined) continue;
        await this.#finishDelete(bucket, revision).catch((error: unknown) => {
          if (!isError(error, "conflict/not-empty")) throw error;
        });
      }
      after = page.next;
      if (after === undefined) return;
    }
  }

  async #finishDelete(bucket: Bucket, revision: number): Promise<void> {
    const { deletingSince: _, ...meta } = bucket.meta;
    try {
      await this.#index.batch([{ op: "drop-bucket", bucket: meta.uid }]);
    } catch (error) {
      await this.#replace({ ...bucket, meta }, revision);
      throw isError(error, "conflict/not-empty") ? notEmpty(meta.name) : error;
    }
    const key = resourceKey("bucket", meta.project, meta.name);
    await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [
        { op: "delete", key },
        { op: "delete", key: uniqueKey("bucket", meta.name) },
      ],
    });
  }

  /** The new revision, or nothing when it has changed meanwhile. */
  async #replace(bucket: Bucket, revision: number): Promise<number | undefined> {
    const key = resourceKey("bucket", bucket.meta.project, bucket.meta.name);
    const result = await this.#store.transact({
      compare: [{ key, modRevision: revision }],
      then: [{ op: "put", key, value: bucket as unknown as Json, labels: bucket.meta.labels }],
    });
    return result.succeeded ? result.revision : undefined;
  }

  async #expect(name: string): Promise<BucketEntry> {
    const found = await this.find(name);
    if (found === undefined) throw new SkerryError("not_found", `There is no bucket ${name}.`);
    if (found.bucket.meta.deletingSince !== undefined) {
      throw new SkerryError("conflict", `The bucket ${name} is being deleted.`);
    }
    return found;
  }
}

export function toBucket(entry: Entry): BucketEntry {
  return { bucket: entry.value as unknown as Bucket, revision: entry.modRevision };
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
