/** How else an upstream may read a path: percent-encoding, doubled and turned slashes, dot segments, parameters (`/a;b=c`). */

const ODD = /%|\/\/|\/\.|\\|;/;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** True when the path may be read in another way than as it stands. */
export function isOdd(path: string): boolean {
  return ODD.test(path);
}

/**
 * The path as generous readers take it: decoded once, turned slashes as slashes, doubled ones as one, with parameters and
 * without (taken out before anything else, or after it), and cut at a question mark or number sign that was encoded, as those
 * do who write it anew. Undefined when it cannot be right: a dot segment (clients resolve them), a broken percent-encoding, a NUL.
 */
export function generousReadings(path: string): readonly string[] | undefined {
  const decoded = decode(path);
  if (decoded === undefined || decoded.includes("\0")) return undefined;
  const readings = new Set<string>();
  addReadings(readings, decoded);
  if (path.includes(";")) addReadings(readings, decode(withoutParameters(path)) ?? "");
  const all = [...readings];
  return all.some((one) => DOT_SEGMENT.test(one)) ? undefined : all;
}

function addReadings(readings: Set<string>, decoded: string): void {
  const cut = decoded.search(/[?#]/);
  for (const one of cut < 0 ? [decoded] : [decoded, decoded.slice(0, cut)]) {
    readings.add(turned(one));
    if (!one.includes(";")) continue;
    readings.add(turned(withoutParameters(one)));
    readings.add(turned(withoutParameters(turned(one))));
  }
}

/** Undefined: it cannot be decoded. */
function decode(path: string): string | undefined {
  let broken = false;
  const decoded = path.replace(/%(..?)?/gs, (_, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9a-f]{2}$/i.test(digits)) broken = true;
    return String.fromCharCode(Number.parseInt(digits ?? "", 16));
  });
  return broken ? undefined : decoded;
}

function turned(path: string): string {
  return path.replaceAll("\\", "/").replace(/\/{2,}/g, "/");
}

function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, "");
}
