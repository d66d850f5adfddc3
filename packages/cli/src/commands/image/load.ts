import { open } from "node:fs/promises";
import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "FILE",
  args: [1, 1],
  options: { name: { type: "string", describe: "NAME[:TAG] (default: as the file names it)" } },
  example: "image load web.tar --name web:2",
  details: "FILE is what docker save has written, plain or gzipped; - is standard input. It belongs to the project.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const [path = ""] = args;
    const { terminal, signal } = invocation;
    const client = await invocation.client();
    const project = await invocation.project();
    // Opened before anything is sent: a file that is not there is no matter of the cloud.
    await using file = path === "-" ? undefined : await open(path, "r");
    const bytes =
      file === undefined
        ? terminal.stdin
        : file.createReadStream({ autoClose: false, highWaterMark: LIMITS.cli.readBytes });
    const image = await client.upload(imageRoutes.load, {
      query: {
        ...(project === undefined ? {} : { project }),
        ...(flags.name === undefined ? {} : { name: flags.name }),
      },
      bytes: bytes as AsyncIterable<Uint8Array>,
      signal,
    });
    await invocation.output.done("image", image.name, "loaded", image);
  },
});
