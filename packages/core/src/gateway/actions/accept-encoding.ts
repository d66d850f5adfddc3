/** Which encoding a client wants (RFC 9110 12.5.3). */
import type { Encoding } from "../../domain/compress-rules.ts";

/** More are not looked at. */
const MAX_NAMED = 32;

/** The one of ours that it wants most, the first of those that it wants as much; undefined: it rather has it as it is. */
export function chooseEncoding(header: string | undefined, ours: readonly Encoding[]): Encoding | undefined {
  if (header === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(",", MAX_NAMED)) {
    const [name = "", ...parameters] = part.split(";", 8).map((one) => one.trim());
    if (name === "") continue;
    weights.set(name === "x-gzip" ? "gzip" : name, weightOf(parameters));
  }
  const other = weights.get("*");
  let best: Encoding | undefined;
  // As it is will do unless it is wanted more than what is named.
  let most = weights.get("identity") ?? 0;
  for (const encoding of ours) {
    const weight = weights.get(encoding) ?? other ?? 0;
    if (weight > most || (weight > 0 && weight === most && best === undefined)) {
      best = encoding;
      most = weight;
    }
  }
  return best;
}

/** 0 for what cannot be read: it was not asked for so. */
function weightOf(parameters: readonly string[]): number {
  const said = parameters.find((one) => /^q\s*=/.test(one));
  if (said === undefined) return 1;
  const text = said.slice(said.indexOf("=") + 1).trim();
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
