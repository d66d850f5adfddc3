import { formatBytes, formatTime } from "@skerry/core/contract/present/values.ts";
import { formatFacts } from "../output/facts.ts";
import { assertKey, formatAddress, parseObjectAddress } from "../transfer/address.ts";
import { explainMissing } from "../transfer/missing.ts";
import { lookAtObject } from "../transfer/read-object.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "BUCKET:KEY",
  args: [1, 1],
  options: {},
  example: "stat photos:2026/cat.jpg",
  async run(invocation, { args }) {
    const { output, signal } = invocation;
    const address = parseObjectAddress(args[0] ?? "");
    assertKey(address);
    const client = await invocation.client();
    const folderHint = (folder: string) => `skerry ls ${folder} shows what is in it.`;
    const looking = lookAtObject(client, address, signal);
    const facts = await explainMissing(looking, { client, address, signal, folderHint });
    await output.value({ ...address, ...facts }, formatAddress(address), () =>
      formatFacts([
        ["Object", formatAddress(address)],
        ["Size", `${facts.sizeBytes} bytes (${formatBytes(facts.sizeBytes)})`],
        ["Type", facts.contentType],
        ["ETag", facts.etag],
        ["Modified", formatTime(facts.modifiedAt)],
        ["Version", facts.version ?? "-"],
        ...Object.entries(facts.metadata).map(([name, value]) => [`meta ${name}`, value] as const),
      ]),
    );
  },
});
