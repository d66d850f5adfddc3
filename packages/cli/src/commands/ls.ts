import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { type ListingRow, longObjectPresentation, objectPresentation } from "@skerry/core/contract/present/object.ts";
import { type ObjectAddress, parseObjectAddress } from "../transfer/address.ts";
import { defineCommand } from "./command.ts";
import { assertNoProject, listItems, listQuery } from "./resource/descriptor.ts";
import { loadDescriptor } from "./resource/kinds.ts";

export default defineCommand({
  usage: "[BUCKET:[PREFIX]]",
  args: [0, 1],
  options: {
    recursive: { type: "boolean", alias: "r", describe: "All keys, not only down to the next slash" },
    long: { type: "boolean", alias: "l", describe: "Exact sizes and times, ETag and type" },
  },
  example: "ls -l photos:2026/",
  details: "Without an argument the buckets.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { output, signal } = invocation;
    const [text] = args;
    if (text === undefined) {
      const descriptor = await loadDescriptor("bucket");
      const query = await listQuery(invocation, descriptor, undefined);
      return output.list(descriptor.presentation, listItems(await invocation.client(), descriptor, query, signal));
    }
    assertNoProject(invocation, "bucket");
    const address = parseObjectAddress(text);
    const rows = listRows(await invocation.client(), address, flags.recursive, signal);
    await output.list(flags.long ? longObjectPresentation : objectPresentation, rows);
  },
});

/** Objects and what they have in common, in the order of their bytes. */
async function* listRows(
  client: Client,
  { bucket, key }: ObjectAddress,
  recursive: boolean,
  signal: AbortSignal,
): AsyncGenerator<ListingRow> {
  let page: string | undefined;
  do {
    const query = {
      ...(key === "" ? {} : { prefix: key }),
      ...(recursive ? {} : { delimiter: "/" }),
      ...(page === undefined ? {} : { page }),
    };
    const answer = await client.call(objectRoutes.list, { params: { bucket }, query, signal });
    const rows: { order: Buffer; row: ListingRow }[] = [
      ...answer.prefixes.map((prefix) => ({ order: Buffer.from(prefix), row: { bucket, prefix } })),
      ...answer.items.map((item) => ({ order: Buffer.from(item.key), row: item })),
    ];
    for (const { row } of rows.sort((a, b) => Buffer.compare(a.order, b.order))) yield row;
    page = answer.nextPage;
  } while (page !== undefined);
}
