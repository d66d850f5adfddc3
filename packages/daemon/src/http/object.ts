import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { ObjectInfo } from "@skerry/core/domain/objects.ts";
import { openBucket } from "./bucket.ts";
import { evaluateRead, readCondition, readRange } from "./conditional.ts";
import { objectListHandler } from "./object-list.ts";
import { toObjectView } from "./object-view.ts";
import type { Services } from "./services.ts";

const METADATA_PREFIX = "x-skerry-meta-";

export function objectHandlers(services: Services) {
  const { objects } = services;
  return [
    objectListHandler(services),

    handle.json(objectRoutes.put, async (call, { params }) => {
      const { bucket } = await openBucket(services, call, params.bucket);
      call.target = `object/${params.bucket}/${params.key}`;
      const condition = readCondition((name) => call.header(name));
      const contentLength = readLength(call);
      const info = await objects.put({
        bucket: bucket.meta.uid,
        key: params.key,
        body: call.request.body,
        contentType: readContentType(call),
        metadata: readMetadata(call),
        signal: call.signal,
        ...(contentLength === undefined ? {} : { contentLength }),
        ...(condition === undefined ? {} : { condition }),
      });
      return toObjectView(info, params.bucket);
    }),

    handle.download(objectRoutes.get, (call, { params }) => read(services, call, params, true)),
    handle.download(objectRoutes.head, (call, { params }) => read(services, call, params, false)),

    handle.json(objectRoutes.delete, async (call, { params }) => {
      const { bucket } = await openBucket(services, call, params.bucket);
      call.target = `object/${params.bucket}/${params.key}`;
      const condition = readCondition((name) => call.header(name));
      await objects.delete({
        bucket: bucket.meta.uid,
        key: params.key,
        ...(condition === undefined ? {} : { condition }),
      });
      return undefined;
    }),
  ];
}

async function read(
  services: Services,
  call: Call,
  params: { bucket: string; key: string },
  withBody: boolean,
): Promise<ApiResponse> {
  const { bucket } = await openBucket(services, call, params.bucket);
  const where = { bucket: bucket.meta.uid, key: params.key };
  const header = (name: string) => call.header(name);
  const info = await services.objects.head(where);
  if (info === undefined) throw noObject(params.key);
  if (evaluateRead(info, header) === "not-modified") return { status: 304, headers: versionHeaders(info) };
  const range = withBody ? readRange(info, header) : undefined;
  const length = range?.length ?? info.sizeBytes;
  const headers = {
    ...versionHeaders(info),
    ...contentHeaders(info),
    "content-length": String(length),
    ...(range === undefined
      ? {}
      : { "content-range": `bytes ${range.offset}-${range.offset + range.length - 1}/${info.sizeBytes}` }),
  };
  const status = range === undefined ? 200 : 206;
  if (!withBody) return { status, headers };
  try {
    // Between the look and the read it may be replaced: what is sent must be what the headers say.
    const found = await services.objects.get({
      ...where,
      condition: { ifMatch: [info.etag] },
      ...(range === undefined ? {} : { range }),
      signal: call.signal,
    });
    if (found === undefined) throw noObject(params.key);
    return { status, headers, body: found.body, begin: () => found.body.begin() };
  } catch (error) {
    if (isError(error, "conflict/precondition")) return read(services, call, params, withBody);
    throw error;
  }
}

function noObject(key: string): SkerryError {
  return new SkerryError("not_found", `There is no object ${JSON.stringify(key)} in this bucket.`);
}

function versionHeaders(info: ObjectInfo): Record<string, string> {
  return {
    etag: `"${info.etag}"`,
    "last-modified": new Date(info.modifiedAt).toUTCString(),
    "accept-ranges": "bytes",
    "x-skerry-modified-at": info.modifiedAt, // what Last-Modified cannot say: milliseconds
    "x-skerry-version": info.version,
  };
}

/** What users store must not act on this origin when a browser opens it. */
function contentHeaders(info: ObjectInfo): Record<string, string> {
  return {
    "content-type": info.contentType,
    "content-security-policy": "sandbox; default-src 'none'",
    ...Object.fromEntries(Object.entries(info.metadata).map(([name, value]) => [METADATA_PREFIX + name, value])),
  };
}

function readLength(call: Call): number | undefined {
  const text = call.header("content-length");
  if (text === undefined) return undefined;
  const length = Number(text);
  if (length > LIMITS.objects.maxObjectBytes) {
    throw new SkerryError("invalid/too-large", `An object has at most ${LIMITS.objects.maxObjectBytes} bytes.`);
  }
  return length;
}

function readContentType(call: Call): string {
  const type = call.header("content-type") ?? "application/octet-stream";
  if (!/^[\x21-\x7e]{1,127}\/[\x20-\x7e]{1,127}$/.test(type)) {
    throw new SkerryError("invalid", "The Content-Type is not a media type.");
  }
  return type;
}

function readMetadata(call: Call): Record<string, string> {
  const metadata: Record<string, string> = {};
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(call.request.headers)) {
    if (!name.startsWith(METADATA_PREFIX) || value === undefined) continue;
    const known = name.slice(METADATA_PREFIX.length);
    if (known === "" || known === "__proto__") throw new SkerryError("invalid", `${name} is no name of metadata.`);
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new SkerryError("invalid", `The header ${name} has characters other than printable ASCII.`);
    }
    metadata[known] = value;
    sizeBytes += name.length + value.length;
  }
  if (sizeBytes > LIMITS.objects.maxMetadataBytes) {
    throw new SkerryError("invalid/headers", `Metadata has at most ${LIMITS.objects.maxMetadataBytes} bytes.`);
  }
  return metadata;
}
