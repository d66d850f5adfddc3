/**
 * Lines of the log file: `<crc32, 8 hex digits> <id> <JSON>`. The checksum covers everything after the first space. Ids sort
 * as the records follow one another, because NeDB writes a file in the order of ids: `0` the header, `1-<n>` the parts of
 * the snapshot, `2-<sequence number>` the records.
 */
import { crc32 } from "node:zlib";

const CRC_LENGTH = 8;
const SPACE = 0x20;

export const HEADER_ID = "0";
export const snapshotId = (part: number): string => `1-${String(part).padStart(16, "0")}`;
export const recordId = (seq: number): string => `2-${String(seq).padStart(16, "0")}`;

/** NeDB takes these for line ends as well. In JSON they stand within strings only, where their escapes mean the same. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/g;

export function frameLine(id: string, json: string): string {
  const oneLine = json.replace(OTHER_LINE_ENDS, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const text = `${id} ${oneLine}`;
  return `${crc32(text).toString(16).padStart(CRC_LENGTH, "0")} ${text}`;
}

/** The id and the JSON text; `undefined` when the checksum does not hold. `line` is without its newline. */
export function parseLine(line: Buffer): { readonly id: string; readonly json: string } | undefined {
  if (line.length < CRC_LENGTH + 4 || line[CRC_LENGTH] !== SPACE) return undefined;
  const body = line.subarray(CRC_LENGTH + 1);
  const sum = crc32(body).toString(16).padStart(CRC_LENGTH, "0");
  if (sum !== line.toString("latin1", 0, CRC_LENGTH)) return undefined;
  const space = body.indexOf(SPACE);
  if (space < 0) return undefined;
  return { id: body.toString("latin1", 0, space), json: body.toString("utf8", space + 1) };
}
