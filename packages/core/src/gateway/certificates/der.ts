/** As much of DER (X.690) as is read here: elements, one inside the other. Bounds are checked; nothing is believed. */

export interface Element {
  readonly tag: number;
  /** Of its content. */
  readonly from: number;
  readonly to: number;
}

export const DER = {
  integer: 0x02,
  octets: 0x04,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, explicit. */
  first: 0xa0,
} as const;

/** The element at `at` that ends before `end`. @throws `RangeError` when there is none. */
export function elementAt(bytes: Buffer, at: number, end: number): Element {
  const tag = bytes[at];
  const short = bytes[at + 1];
  if (tag === undefined || short === undefined || at + 2 > end) throw new RangeError("it ends too early");
  const more = short < 0x80 ? 0 : short - 0x80;
  // 0x80 alone is BER; four bytes are more than anything here has.
  if (short === 0x80 || more > 4 || at + 2 + more > end) throw new RangeError("a length that cannot be");
  const size = more === 0 ? short : bytes.readUIntBE(at + 2, more);
  const from = at + 2 + more;
  if (from + size > end) throw new RangeError("it is longer than what it is in");
  return { tag, from, to: from + size };
}

/** What is inside. @throws `RangeError`. */
export function childrenOf(bytes: Buffer, parent: Element): Element[] {
  const children: Element[] = [];
  for (let at = parent.from; at < parent.to; ) {
    const child = elementAt(bytes, at, parent.to);
    children.push(child);
    at = child.to;
  }
  return children;
}

export function contentOf(bytes: Buffer, element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError("another element than expected");
  return bytes.subarray(element.from, element.to);
}

/** Of UTCTime or GeneralizedTime in UTC. @throws `RangeError`. */
export function timeOf(bytes: Buffer, element: Element | undefined): number {
  const text = element === undefined ? "" : bytes.toString("latin1", element.from, element.to);
  const short = element?.tag === DER.utcTime;
  const parts = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (parts === null || (parts[1]?.length === 2) !== short) throw new RangeError("a time that cannot be");
  const [year = 0, month = 0, ...rest] = parts.slice(1).map(Number);
  // RFC 5280 4.1.2.5.1.
  const full = short ? year + (year < 50 ? 2000 : 1900) : year;
  return Date.UTC(full, month - 1, ...(rest as [number, number, number, number]));
}
