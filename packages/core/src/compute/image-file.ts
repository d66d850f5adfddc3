/**
 * What `docker save` has written, looked at before the engine sees it: one image, bounded in bytes and files, and handed on
 * without the names that it gives itself, which are global in the engine and could be those of others.
 */
import { posix } from "node:path";
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Header, pack } from "tar-stream";
import { isError, SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";

/** Opens the file anew: it is read twice. */
export type OpenBytes = () => AsyncIterable<Uint8Array>;

export interface ImageFile {
  /** As it names itself; absent when it does not. */
  readonly name?: string;
  /** The files of the image: its config, then its layers from the bottom. */
  readonly config: string;
  readonly layers: readonly string[];
}

/** A file of the archive, as it passes. */
interface Entry extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  resume(): void;
}

interface Found {
  readonly files: Set<string>;
  readonly links: Map<string, string>;
  manifest: Buffer | undefined;
}

const MANIFEST = "manifest.json";
const { maxImageEntries, maxManifestBytes, maxImageLayers } = LIMITS.compute;

/** @throws `invalid` when it is no image, holds several, or refers to what it lacks; `invalid/too-large`. */
export async function inspectImageFile(
  open: OpenBytes,
  maxBytes: number = LIMITS.compute.maxImageBytes,
): Promise<ImageFile> {
  const found: Found = { files: new Set(), links: new Map(), manifest: undefined };
  const counted = { maxBytes, bytes: 0, entries: 0 };
  await eachEntry(open(), counted, async (entry, name) => {
    if (entry.header.type === "symlink") {
      found.links.set(name, posix.join(posix.dirname(name), entry.header.linkname ?? ""));
    } else if (name === MANIFEST) {
      found.manifest = await readSmall(entry);
    } else if (entry.header.type === "file") {
      found.files.add(name);
      await measureLayer(entry, counted);
    }
    return undefined;
  });
  if (found.manifest === undefined) throw refused("it has no manifest.json");
  return readManifest(found.manifest, found);
}

/** The same image with `tag` as its only name. `file`: what the inspection said. */
export async function* renamedImage(open: OpenBytes, file: ImageFile, tag: string): AsyncGenerator<Uint8Array> {
  const output = pack();
  const manifest = [{ Config: file.config, RepoTags: [tag], Layers: file.layers }];
  const wanted = new Set([file.config, ...file.layers]);
  const writing = (async () => {
    output.entry({ name: MANIFEST }, JSON.stringify(manifest));
    await eachEntry(open(), undefined, async (entry, name) => {
      if (entry.header.type !== "file" || !wanted.delete(name)) return;
      await pipeline(Readable.from(entry), output.entry({ name, size: entry.header.size ?? 0 }));
    });
    output.finalize();
  })();
  writing.catch((error: unknown) => output.destroy(error as Error));
  yield* output as AsyncIterable<Uint8Array>;
  await writing;
}

interface Counted {
  readonly maxBytes: number;
  bytes: number;
  entries: number;
}

/** Each file, in order, unpacked when it is compressed. What is left of an entry is passed over. */
async function eachEntry(
  bytes: AsyncIterable<Uint8Array>,
  counted: Counted | undefined,
  take: (entry: Entry, name: string) => Promise<void>,
): Promise<void> {
  const archive = extract();
  const feeding = pipeline(counting(unpacked(bytes), counted), archive);
  feeding.catch(() => undefined); // the loop below hears of it
  try {
    for await (const entry of archive as AsyncIterable<unknown> as AsyncIterable<Entry>) {
      if (counted !== undefined && ++counted.entries > maxImageEntries) {
        throw tooLarge(`it holds more than ${maxImageEntries} files`);
      }
      await take(entry, posix.normalize(entry.header.name));
      entry.resume();
    }
    await feeding;
  } catch (error) {
    if (error instanceof SkerryError) throw error;
    throw refused("it is damaged, or no tar file", error);
  }
}

function counting(bytes: AsyncIterable<Uint8Array>, counted: Counted | undefined): Readable {
  return Readable.from(
    (async function* () {
      for await (const part of bytes) {
        if (counted !== undefined) count(counted, part.length);
        yield part;
      }
    })(),
  );
}

function count(counted: Counted, bytes: number): void {
  counted.bytes += bytes;
  if (counted.bytes > counted.maxBytes) throw tooLarge(`unpacked it is larger than ${counted.maxBytes} bytes`);
}

/** A small file may unpack to one that fills the disk: the engine would find out too late. */
async function measureLayer(entry: AsyncIterable<Uint8Array>, counted: Counted): Promise<void> {
  let first = true;
  let layer: Transform | undefined;
  let measuring: Promise<void> | undefined;
  for await (const part of entry) {
    if (first && isGzip(part)) {
      layer = createGunzip();
      measuring = (async () => {
        for await (const unpackedPart of layer as Transform) count(counted, (unpackedPart as Uint8Array).length);
      })();
      measuring.catch(() => undefined);
    }
    first = false;
    if (layer === undefined) continue;
    if (layer.destroyed) break;
    if (!layer.write(part)) await Promise.race([drained(layer), measuring]);
  }
  layer?.end();
  await measuring;
}

function drained(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
}

async function* unpacked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = (async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
  yield* isGzip(first.value) ? (Readable.from(all).pipe(createGunzip()) as AsyncIterable<Uint8Array>) : all;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function readSmall(entry: Entry): Promise<Buffer> {
  if ((entry.header.size ?? 0) > maxManifestBytes) throw tooLarge("its manifest is too large");
  const parts: Uint8Array[] = [];
  for await (const part of entry) parts.push(part);
  return Buffer.concat(parts);
}

function readManifest(bytes: Buffer, found: Found): ImageFile {
  let manifest: unknown;
  try {
    manifest = JSON.parse(bytes.toString());
  } catch (error) {
    throw refused("its manifest.json is no JSON", error);
  }
  if (!Array.isArray(manifest) || manifest.length === 0) throw refused("its manifest names no image");
  if (manifest.length > 1) throw refused("it holds several images: save them one by one");
  const { Config: config, Layers: layers, RepoTags: tags } = (manifest[0] ?? {}) as Record<string, unknown>;
  if (typeof config !== "string" || !Array.isArray(layers) || !layers.every((one) => typeof one === "string")) {
    throw refused("its manifest is not as docker save writes it");
  }
  if (layers.length > maxImageLayers) throw tooLarge(`it has more than ${maxImageLayers} layers`);
  const [name] = Array.isArray(tags) ? (tags as unknown[]) : [];
  return {
    ...(typeof name === "string" ? { name } : {}),
    config: fileOf(config, found),
    layers: (layers as string[]).map((layer) => fileOf(layer, found)),
  };
}

/** A layer that came before is a link to it. */
function fileOf(name: string, { files, links }: Found): string {
  const normal = posix.normalize(name);
  const file = links.get(normal) ?? normal;
  if (files.has(file)) return file;
  throw refused(`it lacks ${JSON.stringify(name.slice(0, 200))}, which its manifest names`);
}

function refused(why: string, cause?: unknown): SkerryError {
  if (isError(cause, "invalid")) return cause;
  return new SkerryError("invalid", `This is not an image that can be loaded: ${why}.`, {
    hint: "Write one with: docker save -o FILE IMAGE",
    ...(cause === undefined ? {} : { cause }),
  });
}

function tooLarge(why: string): SkerryError {
  return new SkerryError("invalid/too-large", `The image is too large: ${why}.`);
}
