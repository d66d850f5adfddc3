/** The object index as one would say it in words: arrays, no order kept, everything computed anew. Only tests use it. */
import type {
  ChunkRef,
  IndexChange,
  IndexOp,
  ListObjectsOptions,
  ObjectCondition,
  ObjectPage,
  ObjectRecord,
} from "../../domain/objects.ts";

type ModelChunk = ChunkRef & { readonly referenced: boolean };

export class ModelIndex {
  buckets: string[] = [];
  objects: ObjectRecord[] = [];
  garbage: ChunkRef[] = [];
  changes: Omit<IndexChange, "cursor">[] = [];

  /** The error id of what refuses the batch; undefined when it is done. */
  batch(ops: readonly IndexOp[]): string | undefined {
    const { buckets, objects, garbage, changes } = structuredClone({ ...this });
    for (const op of ops) {
      const refusal = this.#apply(op);
      if (refusal === undefined) continue;
      Object.assign(this, { buckets, objects, garbage, changes });
      return refusal;
    }
    return undefined;
  }

  get(bucket: string, key: string): ObjectRecord | undefined {
    return this.objects.find((object) => object.bucket === bucket && object.key === key);
  }

  chunks(): ModelChunk[] {
    const referenced = this.objects.flatMap((object) => object.chunks);
    return [
      ...referenced.map((chunk) => ({ ...chunk, referenced: true })),
      ...this.garbage.map((chunk) => ({ ...chunk, referenced: false })),
    ].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** All names of a listing in their order, then cut. */
  list({ bucket, prefix = "", delimiter = "", after, limit = 1000 }: ListObjectsOptions): ObjectPage {
    const found = this.objects
      .filter((object) => object.bucket === bucket && object.key.startsWith(prefix))
      .sort((a, b) => byBytes(a.key, b.key));
    const named = found.map((object) => ({ object, name: nameOf(object.key, prefix, delimiter) }));
    const shownAsPrefix = named.some(({ object, name }) => name === after && object.key !== after);
    const rest = named.filter(({ object, name }) => {
      if (after === undefined) return true;
      return byBytes(object.key, after) > 0 && !(shownAsPrefix && name === after);
    });
    const names = [...new Set(rest.map(({ name }) => name))];
    const shown = names.slice(0, limit);
    const isPrefix = (name: string): boolean => delimiter !== "" && name.slice(prefix.length).includes(delimiter);
    const last = shown.at(-1);
    return {
      objects: rest
        .filter(({ name }) => !isPrefix(name) && shown.includes(name))
        .map(({ object: { chunks: _, ...info } }) => info),
      prefixes: shown.filter(isPrefix),
      ...(names.length > limit && last !== undefined ? { next: last } : {}),
    };
  }

  #apply(op: IndexOp): string | undefined {
    switch (op.op) {
      case "create-bucket":
        if (!this.buckets.includes(op.bucket)) this.buckets.push(op.bucket);
        return undefined;
      case "drop-bucket":
        if (this.objects.some((object) => object.bucket === op.bucket)) return "conflict/not-empty";
        this.buckets = this.buckets.filter((bucket) => bucket !== op.bucket);
        return undefined;
      case "put": {
        const { record } = op;
        if (!this.buckets.includes(record.bucket)) return "not_found";
        if (!holds(op.condition, this.get(record.bucket, record.key)?.etag)) return "conflict/precondition";
        this.#remove(record.bucket, record.key);
        const ids = [...this.chunks(), ...record.chunks].map((chunk) => chunk.id);
        if (new Set(ids).size < ids.length) return "conflict/exists";
        this.objects.push(record);
        this.changes.push({ type: "put", bucket: record.bucket, key: record.key, version: record.version });
        return undefined;
      }
      case "delete": {
        const current = this.get(op.bucket, op.key);
        if (!holds(op.condition, current?.etag)) return "conflict/precondition";
        if (current === undefined) return undefined;
        this.#remove(op.bucket, op.key);
        this.changes.push({ type: "delete", bucket: op.bucket, key: op.key, version: current.version });
        return undefined;
      }
      case "set-replicas":
        this.objects = this.objects.map((object) => ({
          ...object,
          chunks: object.chunks.map((chunk) =>
            chunk.id === op.chunk && chunk.generation === op.generation ? { ...chunk, replicas: op.replicas } : chunk,
          ),
        }));
        return undefined;
      case "forget-garbage":
        this.garbage = this.garbage.filter((chunk) => !op.chunks.includes(chunk.id));
        return undefined;
    }
  }

  #remove(bucket: string, key: string): void {
    this.garbage.push(...(this.get(bucket, key)?.chunks ?? []));
    this.objects = this.objects.filter((object) => object.bucket !== bucket || object.key !== key);
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What a key is shown as: itself, or the common prefix over it. */
function nameOf(key: string, prefix: string, delimiter: string): string {
  if (delimiter === "") return key;
  const [head, ...tail] = key.slice(prefix.length).split(delimiter);
  return tail.length === 0 ? key : prefix + head + delimiter;
}

function holds(condition: ObjectCondition | undefined, etag: string | undefined): boolean {
  const { ifMatch, ifNoneMatch } = condition ?? {};
  const among = (tags: readonly string[] | "*"): boolean => etag !== undefined && (tags === "*" || tags.includes(etag));
  return (ifMatch === undefined || among(ifMatch)) && (ifNoneMatch === undefined || !among(ifNoneMatch));
}
