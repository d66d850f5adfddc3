/** Entry of the index's threads: one writes, one reads. SQLite does its own I/O, so neither uses the disk port. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { IndexOp } from "../../../domain/objects.ts";
import { indexClosed } from "../rules.ts";
import { Committer } from "./committer.ts";
import { toWire } from "./faults.ts";
import { markPath, openMark } from "./mark.ts";
import type { Answer, FromThread, ReadRequest, Request, ThreadOptions, ToThread } from "./messages.ts";
import { IndexReader } from "./reader.ts";
import { openDatabase, openReadOnly } from "./schema.ts";
import { IndexWriter } from "./writer.ts";

interface Server {
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
    answer: (requests) => reader.snapshot(() => requests.map((request) => answerRead(reader, request as ReadRequest))),
    close: () => db.close(),
  };
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
    case "garbage":
      return reader.garbage(request.limit);
  }
}

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
        server = options.role === "writer" ? openWriter(options) : openReader(options);
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
