/**
 * A process that commits until the first failure, says the key that was refused and with what, and dies at once. Nothing
 * is moved from the log to the database meanwhile, so that the log's index must grow. Argument: path of the database.
 */
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { createBucket, put, sampleRecord } from "../samples.ts";
import { toWire } from "./faults.ts";
import { openDatabase } from "./schema.ts";
import { IndexWriter } from "./writer.ts";

const [path = ""] = process.argv.slice(2);
assert.ok(path !== "", "the path of the database is missing");
const db = openDatabase({ path, cluster: "cluster-a" });
db.exec("PRAGMA wal_autocheckpoint = 0");
const writer = new IndexWriter(db, 1000);
writer.commit([[createBucket("b")]]);
for (let number = 0; ; number += 1) {
  try {
    writer.commit([[put(sampleRecord("b", String(number)))]]);
  } catch (error) {
    writeSync(1, `${number} ${toWire(error).id}\n`);
    process.kill(process.pid, "SIGKILL");
  }
}
