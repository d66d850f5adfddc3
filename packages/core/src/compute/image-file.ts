/**
 * What `docker save` has written, looked at before the engine sees it: one image, bounded in bytes and files, and handed on
 * without the names that it gives itself, which are global in the engine and could be those of others.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Header, pack } from "tar-stream";
import { SkerryError } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { refused, tooLarge } from "./image-refusals.ts";
import { type LayerContent, LayerTar } from "./layer-tar.ts";

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

/** Of its content, unpacked. */
interface FoundFile {
  /** SHA-256, hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** What who takes it for a layer finds in it. */
  readonly layer: LayerContent;
}

interface Found {
  readonly files: Map<string, FoundFile>;
  readonly links: Map<string, string>;
  /** Content of the files that could be a config. */
  readonly texts: Map<string, Buffer>;
  textBytes: number;
  manifest: Buffer | undefined;
}

const MANIFEST = "manifest.json";
const { maxImageEntries, maxImageFiles, maxManifestBytes, maxImageConfigBytes, maxImageTextBytes, maxImageLayers } =
  LIMITS.compute;
/** What else the engine would unpack: bzip2, xz, zstd. How large that becomes nobody here can tell. */
const OTHER_COMPRESSION = /^(425a68|fd377a585a00|28b52ffd|5.2a4d18)/;
/** Bytes by which a compression is known. */
const MAGIC_BYTES = 6;

/**
 * Each layer must have the content that the config says. The engine takes a layer that it has already, without looking at
 * the file's: who knows only the digest of another project's layer would get all that is in it.
 * @throws `invalid` when it is no image, holds several, or refers to what it lacks; `invalid/too-large`.
 */
export async function inspectImageFile(
  open: OpenBytes,
  maxBytes: number = LIMITS.compute.maxImageBytes,
): Promise<ImageFile> {
  const found: Found = { files: new Map(), links: new Map(), texts: new Map(), textBytes: 0, manifest: undefined };
  const counted = { maxBytes, bytes: 0, entries: 0, files: 0 };
  await eachEntry(open(), counted, async (entry, name) => {
    if (entry.header.type === "symlink") {
      found.links.set(name, posix.join(posix.dirname(name), entry.header.linkname ?? ""));
    } else if (name === MANIFEST) {
      found.manifest ??= await readSmall(entry);
    } else if (entry.header.type === "file" && !found.files.has(name)) {
      // Of several with one name the first is the one that is handed on.
      found.files.set(name, await measured(entry, name, found, counted));
    }
  });
  if (found.manifest === undefined) throw refused("it has no manifest.json");
  const file = readManifest(found.manifest, found);
  assertContent(file, found);
  assertLayers(file, found, maxBytes);
  return file;
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
  /** In the layers. */
  files: number;
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
  if (counted.bytes > counted.maxBytes) throw unpackedTooLarge(counted.maxBytes);
}

function countFiles(counted: Counted, files: number): void {
  counted.files += files;
  if (counted.files > maxImageFiles) throw tooManyFiles();
}

/** A small file may unpack to one that fills the disk: the engine would find out too late. */
async function measured(entry: Entry, name: string, found: Found, counted: Counted): Promise<FoundFile> {
  const { size = 0 } = entry.header;
  const kept: Uint8Array[] | undefined = size > maxManifestBytes ? undefined : [];
  const digest = createHash("sha256");
  const [first, all] = await peeked(entry);
  if (OTHER_COMPRESSION.test(first.toString("hex")))
    throw refused(`${JSON.stringify(name)} is packed, and not by gzip`);
  const packed = isGzip(first);
  const layer = new LayerTar((files) => countFiles(counted, files));
  let sizeBytes = 0;
  for await (const part of packed ? gunzipped(all) : all) {
    if (packed) count(counted, part.length);
    digest.update(part);
    layer.push(part);
    sizeBytes += part.length;
    if (!packed && first[0] === 0x7b) kept?.push(part);
  }
  if (kept !== undefined && kept.length > 0 && found.textBytes + size <= maxImageTextBytes) {
    found.textBytes += size;
    found.texts.set(name, Buffer.concat(kept));
  }
  return { digest: digest.digest("hex"), sizeBytes, layer: layer.end() };
}

async function* unpacked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const [first, all] = await peeked(bytes);
  yield* isGzip(first) ? gunzipped(all) : all;
}

/** The first bytes, in however small parts they come, and all of them. */
async function peeked(bytes: AsyncIterable<Uint8Array>): Promise<[first: Buffer, all: AsyncGenerator<Uint8Array>]> {
  const iterator = bytes[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < MAGIC_BYTES) {
    const { done, value } = await iterator.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  const all = (async function* () {
    if (first.length > 0) yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
  return [first.subarray(0, MAGIC_BYTES), all];
}

async function* gunzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(bytes, gunzip).catch(() => undefined); // who reads it hears of it
  yield* gunzip as AsyncIterable<Uint8Array>;
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

/** @throws `invalid` when the config tells of other layers than those that are there; `invalid/too-large`. */
function assertContent({ config, layers }: ImageFile, { files, texts }: Found): void {
  if ((files.get(config)?.sizeBytes ?? 0) > maxImageConfigBytes) {
    throw tooLarge(
      `its config has more than ${maxImageConfigBytes} bytes`,
      "Leave out labels and environment variables that are long; a file in the image has room for them.",
    );
  }
  let said: unknown;
  try {
    const text = texts.get(config)?.toString() ?? "";
    said = (JSON.parse(text) as { rootfs?: { diff_ids?: unknown } } | null)?.rootfs?.diff_ids;
  } catch (error) {
    throw refused("its config is no JSON", error);
  }
  const there = layers.map((layer) => `sha256:${files.get(layer)?.digest}`);
  if (Array.isArray(said) && JSON.stringify(said) === JSON.stringify(there)) return;
  throw refused("its layers do not have the content that its config tells of");
}

/** A file that is a layer several times is unpacked as often. @throws `invalid`, `invalid/too-large`. */
function assertLayers({ layers }: ImageFile, { files }: Found, maxBytes: number): void {
  const total = { bytes: 0, files: 0 };
  for (const name of layers) {
    const file = files.get(name);
    if (file?.layer.problem !== undefined) throw file.layer.problem;
    total.bytes += file?.sizeBytes ?? 0;
    total.files += file?.layer.files ?? 0;
  }
  if (total.bytes > maxBytes) throw unpackedTooLarge(maxBytes);
  if (total.files > maxImageFiles) throw tooManyFiles();
}

/** A layer that came before is a link to it. */
function fileOf(name: string, { files, links }: Found): string {
  const normal = posix.normalize(name);
  const file = links.get(normal) ?? normal;
  if (files.has(file) && !/^(\/|\.\.(\/|$))/.test(file)) return file;
  throw refused(`it lacks ${JSON.stringify(name.slice(0, 200))}, which its manifest names`);
}

function unpackedTooLarge(maxBytes: number): SkerryError {
  return tooLarge(`unpacked it is larger than ${maxBytes} bytes`);
}

function tooManyFiles(): SkerryError {
  return tooLarge(
    `its layers hold more than ${maxImageFiles} files and folders`,
    "Leave out what the container does not need, as caches and sources, or pack it into one file.",
  );
}
