/** A header field as HPACK gives it, and the static table (RFC 7541 appendix A). */

/** What a field means was not looked at. */
export const UNREAD = -100;
/** What each field of a table costs besides its letters (RFC 7541 4.1). */
const FIELD_OVERHEAD = 32;

export class Field {
  readonly name: string;
  readonly value: string;
  readonly sizeBytes: number;
  /** What it means in a request, and in an answer: looked up once, while it stays in a table. */
  inRequest = UNREAD;
  inResponse = UNREAD;
  #line: string | undefined;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.sizeBytes = name.length + value.length + FIELD_OVERHEAD;
  }

  /** As a header line of HTTP/1, with its end. */
  get line(): string {
    this.#line ??= `${this.name}: ${this.value}\r\n`;
    return this.#line;
  }
}

const ENTRIES =
  ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|" +
  ":status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|" +
  "accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|" +
  "content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|" +
  "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|" +
  "last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|" +
  "server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate";

/** From index 1. */
export const STATIC_TABLE: readonly Field[] = [
  new Field("", ""),
  ...ENTRIES.split("|").map((entry) => {
    const [name = "", value = ""] = entry.split("=");
    return new Field(name, value);
  }),
];

/** The first index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(({ name }, index) => [name, index] as const)
    .slice(1)
    .reverse(),
);
