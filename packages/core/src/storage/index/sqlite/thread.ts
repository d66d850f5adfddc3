/**
 * Entry of the index's threads: one writes, one reads, one now and then looks at every row, one copies them
 * for a backup. SQLite does its own I/O, so none uses the disk port.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { LIMITS } from "../../../domain/limits.ts";
import type { IndexOp, ObjectRecord } from "../../../domain/objects.ts";
import { indexClosed } from "../rules.ts";
import { Committer } from "./committer.ts";
import { IndexCopier } from "./copy.ts";
import { toWire } from "./faults.ts";
import { markPath, openMark } from "./mark.ts";
import type { Answer, CopyRequest, FromThread, ReadRequest, Request, ThreadOptions, ToThread } from "./messages.ts";
import { IndexReader } from "./reader.ts";
import { openDatabase, openReadOnly } from "./schema.ts";
import { verifyIndex } from "./verify.ts";
import { IndexWriter } from "./writer.ts";

/** Chunks of the objects in one answer, the last object excepted: as many rows as the pages of one have. */
const MOST_CHUNKS = LIMITS.index.maxPagesPerMessage * LIMITS.objects.maxPageEntries;

interface Server {
  /** At least one; those that are not answered are asked again. */
  answer(requests: readonly Request[]): Answer[];
  readonly failure?: Error | undefined;
  close(): void;
}

function openWriter({ path, cluster, keepChanges, maxPages }: ThreadOptions): Server {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = openDatabase({ path, cluster });
  if (maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${maxPages}`);
  const writer = new IndexWriter(db, keepChanges);
  const mark = openMark(markPath(path), writer.commits);
  const committer = new Committer(writer, mark, inPlaceCheck(path));
  return {
    answer: (requests) =>
      committer
        .commit(requests as readonly (readonly IndexOp[])[])
        .map((outcome) => (outcome === undefined ? {} : { error: toWire(outcome.error) })),
    get failure() {
      return committer.failure;
    },
    close: () => closeWriter(db, mark),
  };
}

/** Someone may move or remove the files of a running daemon: SQLite would go on writing into what nobody finds again. */
function inPlaceCheck(path: string): () => void {
  const { ino } = statSync(path);
  return () => {
    if (statSync(path, { throwIfNoEntry: false })?.ino === ino) return;
    throw indexClosed(new Error(`${path} was moved or replaced while the daemon runs`));
  };
}

function closeWriter(db: DatabaseSync, mark: { close(): void }): void {
  db.close();
  mark.close();
}

function openReader({ path }: ThreadOptions): Server {
  const db = openReadOnly(path);
  const reader = new IndexReader(db);
  return {
    answer: (requests) => reader.snapshot(() => answerReads(reader, requests as readonly ReadRequest[])),
    close: () => db.close(),
  };
}

/** An object may have tens of thousands of chunks: many of them in one answer are more than the thread's memory holds. */
function answerReads(reader: IndexReader, requests: readonly ReadRequest[]): Answer[] {
  const answers: Answer[] = [];
  let chunks = 0;
  for (const request of requests) {
    const answer = answerRead(reader, request);
    answers.push(answer);
    if (request.read === "get") chunks += (answer.value as ObjectRecord | undefined)?.chunks.length ?? 0;
    if (chunks > MOST_CHUNKS) break;
  }
  return answers;
}

function openVerifier({ path }: ThreadOptions): Server {
  const db = openReadOnly(path);
  return { answer: () => [answerVerify(db)], close: () => db.close() };
}

function answerVerify(db: DatabaseSync): Answer {
  try {
    return { value: verifyIndex(db) };
  } catch (error) {
    return { error: toWire(error) };
  }
}

function answerRead(reader: IndexReader, request: ReadRequest): Answer {
  try {
    return { value: read(reader, request) };
  } catch (error) {
    return { error: toWire(error) };
  }
}

function read(reader: IndexReader, request: ReadRequest): unknown {
  switch (request.read) {
    case "get":
      return reader.get(request.bucket, request.key);
    case "list":
      return reader.list(request.options);
    case "totals":
      return reader.totals(request.bucket);
    case "changes":
      return reader.changes(request.cursor, request.limit);
    case "chunks":
      return reader.chunks(request.after, request.limit);
    case "chunk":
      return reader.chunk(request.id);
    case "objectOf":
      return reader.objectOf(request.chunk);
    case "garbage":
      return reader.garbage(request.limit);
  }
}

function openCopier({ path }: ThreadOptions): Server {
  const copier = new IndexCopier(path);
  return {
    answer: (requests) => requests.map((request) => answerCopy(copier, request as CopyRequest)),
    close: () => copier.close(),
  };
}

function answerCopy(copier: IndexCopier, request: CopyRequest): Answer {
  try {
    if (request.copy === "begin") copier.begin(request.into);
    else copier.finish();
    return {};
  } catch (error) {
    return { error: toWire(error) };
  }
}

const OPEN = { writer: openWriter, reader: openReader, verifier: openVerifier, copier: openCopier };

/** An error before any request was looked at, e.g. when the disk does not answer at all. */
function answerSafely(server: Server, requests: readonly Request[]): Answer[] {
  try {
    return server.answer(requests);
  } catch (error) {
    const wire = toWire(error);
    return requests.map(() => ({ error: wire }));
  }
}

function serve(options: ThreadOptions): void {
  const port = parentPort;
  if (port === null) throw new Error("thread.ts runs as a worker thread");
  const post = (message: FromThread): void => port.postMessage(message);
  let server: Server | undefined;
  port.on("message", (message: ToThread) => {
    if ("requests" in message) {
      const startedMs = performance.now();
      const answers = answerSafely(server as Server, message.requests);
      const failure = server?.failure;
      const durationMs = performance.now() - startedMs;
      post({ answers, durationMs, ...(failure === undefined ? {} : { failure: toWire(failure) }) });
    } else if ("open" in message) {
      try {
        server = OPEN[options.role](options);
        post({ opened: true });
      } catch (error) {
        post({ refused: toWire(error) });
      }
    } else {
      server?.close();
      port.close();
    }
  });
}

serve(workerData as ThreadOptions);
