/** How else an upstream may read a path: percent-encoding, doubled and turned slashes, dot segments, parameters (`/a;b=c`). */

const ODD = /%|\/\/|\/\.|\\|;/;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** True when the path may be read in another way than as it stands. */
export function isOdd(path: string): boolean {
  return ODD.test(path);
}

/**
 * The path as generous readers take it: decoded once, turned slashes as slashes, doubled ones as one, with parameters and without. Undefined
 * when it cannot be right: a dot segment (clients resolve them), a broken percent-encoding, a NUL.
 */
export function generousReadings(path: string): readonly [string, string] | undefined {
  let broken = false;
  const decoded = path.replace(/%(..?)?/gs, (_, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9a-f]{2}$/i.test(digits)) broken = true;
    return String.fromCharCode(Number.parseInt(digits ?? "", 16));
  });
  if (broken || decoded.includes("\0")) return undefined;
  const slashed = decoded.replaceAll("\\", "/");
  const readings = [slashed, slashed.replace(/;[^/]*/g, "")].map((one) => one.replace(/\/{2,}/g, "/"));
  return readings.some((one) => DOT_SEGMENT.test(one)) ? undefined : (readings as [string, string]);
}
