/**
 * A process that writes batches and says after each which one was acknowledged: `<client> <number>`, or with what it was
 * refused: `<client> <error>`, after which the client makes three more attempts. It ends after `most` batches of each
 * client, or is killed. Arguments: directory of the index, prefix of the keys, clients, most.
 */
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { createBucket, put, refusal, sampleRecord } from "../samples.ts";
import { openSqliteIndex } from "./open.ts";

const [directory = "", round = "", clients = "1", most = "Infinity"] = process.argv.slice(2);
assert.ok(directory !== "", "the directory of the index is missing");
await using index = await openSqliteIndex({ directory, cluster: "cluster-a" });
await index.batch([createBucket("b")]);

async function write(client: number): Promise<void> {
  let refusals = 0;
  for (let number = 1; number <= Number(most) && refusals < 4; number += 1) {
    const folder = `${round}/${client}`;
    const parts = ["x", "y", "z"].map((part) => put(sampleRecord("b", `${folder}/${number}-${part}`)));
    const newest = put(sampleRecord("b", `${folder}/newest`, { metadata: { number: String(number) } }));
    const refused = await refusal(index.batch([...parts, newest]));
    if (refused !== undefined) refusals += 1;
    writeSync(1, `${client} ${refused ?? number}\n`);
  }
}

await Promise.all(Array.from({ length: Number(clients) }, (_, client) => write(client)));
