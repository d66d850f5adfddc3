/** The thread in which SQLite's synchronous calls block nobody. Its own I/O: SQLite knows no disk port. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { SkerryError } from "../../../domain/errors.ts";
import { Database } from "./database.ts";
import { type OpenedLog, packError, type SqliteAnswer, type SqliteCall } from "./protocol.ts";
import { findMark, sqliteError, verifyDatabase } from "./verify.ts";

const port = parentPort as MessagePort;
let path = "";
let database: Database | undefined;

port.on("message", ({ id, ...call }: SqliteCall & { id: number }) => {
  let answer: SqliteAnswer;
  try {
    answer = { id, value: answerTo(call) };
  } catch (error) {
    answer = { id, error: packError(error instanceof SkerryError ? error : sqliteError(error, path)) };
  }
  port.postMessage(answer);
  // Nothing else keeps the thread alive.
  if (call.call === "close") port.close();
});

function answerTo(call: SqliteCall): unknown {
  if (call.call === "open") return open(call);
  if (call.call === "close") {
    database?.close();
    database = undefined;
    return undefined;
  }
  if (!database) throw new Error(`${call.call} without an open database`);
  switch (call.call) {
    case "append":
      return database.append(call.lines);
    case "begin-rewrite":
      return database.beginRewrite();
    case "add-parts":
      return database.addParts(call.parts);
    case "finish-rewrite":
      return database.finishRewrite(call.header, call.keepFrom);
    case "cancel-rewrite":
      return database.cancelRewrite();
  }
}

function open(call: Extract<SqliteCall, { call: "open" }>): OpenedLog {
  path = call.path;
  const mark = findMark(path);
  const found = verifyDatabase(path, mark, call.cluster);
  database = new Database(path, found, call.fresh);
  const stored = found ?? { header: call.fresh.header, snapshot: [call.fresh.snapshot], records: [] };
  database.markDurable(stored.records.at(-1)?.seq ?? stored.header.seq);
  const foreign = mark.state === "found" && found !== undefined && mark.store !== found.header.store;
  return { stored, markIgnored: mark.state === "damaged" || foreign };
}
