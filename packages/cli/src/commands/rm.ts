import { objectRoutes } from "@skerry/core/contract/api/object.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { Progress } from "../output/progress.ts";
import { confirm } from "../prompts/ask.ts";
import { assertKey, folderPrefix, formatAddress, type ObjectAddress, parseObjectAddress } from "../transfer/address.ts";
import { endsAll, Failures } from "../transfer/failures.ts";
import { listObjects } from "../transfer/folder-down.ts";
import { explainMissing } from "../transfer/missing.ts";
import { forEachParallel } from "../transfer/parallel.ts";
import { lookAtObject } from "../transfer/read-object.ts";
import { defineCommand, type Invocation } from "./command.ts";

export default defineCommand({
  usage: "BUCKET:KEY...",
  args: [1, 1000],
  options: {
    recursive: { type: "boolean", alias: "r", describe: "All keys below BUCKET:PREFIX; asks first, see --yes" },
  },
  example: "rm photos:2026/cat.jpg",
  details: "skerry bucket rm removes a bucket.",
  async run(invocation, { args, flags }) {
    const addresses = args.map(parseObjectAddress);
    for (const address of addresses) {
      if (flags.recursive) await removeFolder(invocation, address);
      else await removeOne(invocation, address);
    }
  },
});

async function removeOne(invocation: Invocation, address: ObjectAddress): Promise<void> {
  if (address.key === "") {
    throw new SkerryError("invalid", `${formatAddress(address)} names no object.`, {
      hint: `skerry rm -r ${formatAddress(address)} empties the bucket; skerry bucket rm ${address.bucket} removes it.`,
    });
  }
  assertKey(address);
  const client = await invocation.client();
  const params = { bucket: address.bucket, key: address.key };
  const { signal } = invocation;
  // The API does not mind a key that is not there. Somebody who mistyped it does.
  const folderHint = (folder: string) => `Say -r to remove all of it: skerry rm -r ${folder}`;
  await explainMissing(lookAtObject(client, address, signal), { client, address, signal, folderHint });
  await client.call(objectRoutes.delete, { params, signal });
  await invocation.output.done("object", formatAddress(address), "removed");
}

async function removeFolder(invocation: Invocation, address: ObjectAddress): Promise<void> {
  const { terminal, output, signal, globals } = invocation;
  const client = await invocation.client();
  const folder = { bucket: address.bucket, key: folderPrefix(address.key) };
  let objects = 0;
  let sizeBytes = 0;
  for await (const object of listObjects(client, folder, signal)) {
    objects++;
    sizeBytes += object.sizeBytes;
  }
  const name = formatAddress(folder);
  if (objects === 0) {
    throw new SkerryError("not_found", `There is nothing at ${name}, or it is not yours to see.`, {
      hint: `skerry ls ${address.bucket}: shows what is there.`,
    });
  }
  await confirm(terminal, `Remove ${count(objects)} (${formatBytes(sizeBytes)}) at ${name}?`, globals.yes);
  using progress = new Progress(terminal, name, { quiet: true });
  const failures = new Failures(output, progress);
  let removed = 0;
  await forEachParallel(listObjects(client, folder, signal), async ({ key }) => {
    try {
      await client.call(objectRoutes.delete, { params: { bucket: folder.bucket, key }, signal });
      removed++;
    } catch (error) {
      if (signal.aborted || endsAll(error)) throw error;
      failures.add(formatAddress({ bucket: folder.bucket, key }), error);
    }
  });
  await output.done("object", name, `removed (${count(removed)})`, {
    kind: "object",
    name,
    removed,
    failed: failures.told,
  });
  failures.assertNone("removed", removed);
}

function count(objects: number): string {
  return objects === 1 ? "1 object" : `${objects} objects`;
}
