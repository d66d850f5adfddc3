/**
 * Reads the log file before NeDB may open it: NeDB drops lines that it cannot read and rewrites the file while loading, so
 * damage must be found and refused first. Reads only.
 */
import { open } from "node:fs/promises";
import {
  assertHeader,
  corrupt,
  type LogHeader,
  type NumberedRecord,
  type RecoveredLog,
  type SnapshotPart,
} from "../../log.ts";
import type { FoundMark } from "../mark.ts";
import { HEADER_ID, parseLine, recordId, snapshotId } from "./frame.ts";

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface LogLineRead {
  /** Without the newline. */
  readonly bytes: Buffer;
  readonly offset: number;
  /** From 1. */
  readonly number: number;
  /** False for what stands after the last newline. */
  readonly complete: boolean;
}

/** The file's lines. `bytes` is valid until the next line is asked for. */
export async function* readLines(path: string): AsyncGenerator<LogLineRead, void, undefined> {
  await using file = await open(path, "r");
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  let number = 1;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) break;
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk.subarray(0, bytesRead)]) : chunk.subarray(0, bytesRead);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield { bytes: bytes.subarray(start, end), offset: offset + start, number: number++, complete: true };
      start = end + 1;
    }
    offset += start;
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield { bytes: rest, offset, number, complete: false };
}

export interface CheckedLog extends RecoveredLog {
  /** Bytes to keep: less than the file's size when there is a torn tail. */
  readonly sizeBytes: number;
  readonly tornBytes: number;
}

interface Damage {
  readonly offset: number;
  readonly line: number;
  /** The record that should stand there. */
  readonly seq: number;
}

/**
 * @throws `internal/corrupt` when anything acknowledged is damaged, with place and hint; `unsupported/version`; `invalid` for
 * another cloud's log.
 */
export async function checkLog(path: string, mark: FoundMark, cluster?: string): Promise<CheckedLog> {
  let header: LogHeader | undefined;
  const snapshot: SnapshotPart[] = [];
  const records: NumberedRecord[] = [];
  let snapshotDone = false;
  let damage: Damage | undefined;
  let sizeBytes = 0;
  let endOffset = 0;
  for await (const line of readLines(path)) {
    endOffset = line.offset + line.bytes.length + (line.complete ? 1 : 0);
    const parsed = line.complete ? parseLine(line.bytes) : undefined;
    const seq = (records.at(-1)?.seq ?? header?.seq ?? 0) + 1;
    if (damage) {
      if (parsed?.id.startsWith("2-")) assertUnacknowledged(path, damage, parsed.json);
      continue;
    }
    const expected = !header ? HEADER_ID : snapshotDone ? recordId(seq) : snapshotId(snapshot.length);
    if (parsed?.id !== expected) {
      damage = { offset: line.offset, line: line.number, seq };
      // Header and snapshot were synced before the file got its name: a crash cannot have torn them.
      if (!snapshotDone) throw damaged(path, damage, header ? "its snapshot" : "its header");
      continue;
    }
    sizeBytes = endOffset;
    const value = JSON.parse(parsed.json);
    if (!header) {
      assertHeader(value, path, cluster);
      header = value;
    } else if (!snapshotDone) {
      snapshot.push(value);
      snapshotDone = value.last === true;
    } else records.push({ ...value, seq, sizeBytes: parsed.json.length });
  }
  if (!header || !snapshotDone) throw corrupt(path, "it ends within its header", { offset: endOffset });
  const lastSeq = records.at(-1)?.seq ?? header.seq;
  if (mark.state === "found" && mark.store === header.store && mark.seq > lastSeq) {
    throw damaged(path, damage ?? { offset: sizeBytes, line: records.length + snapshot.length + 2, seq: lastSeq + 1 });
  }
  return { header, snapshot, records, sizeBytes, tornBytes: endOffset - sizeBytes };
}

/** A good record that was written when the damaged one was known durable proves that the damage is no torn tail. */
function assertUnacknowledged(path: string, damage: Damage, json: string): void {
  const { durable } = JSON.parse(json) as { durable: number };
  if (durable >= damage.seq) throw damaged(path, damage);
}

function damaged(path: string, { offset, line, seq }: Damage, what = `record ${seq}, which was acknowledged,`): Error {
  return corrupt(path, `${what} cannot be read at byte ${offset} (line ${line})`, { offset, line, seq });
}
