import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { openFile } from "../../transfer/open-file.ts";
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
    // Before anybody is asked: what is wrong with the file is known here.
    await using file = path === "-" ? undefined : await openFile(path, "what docker save has written");
    const client = await invocation.client();
    const project = await invocation.project();
    const image = await client.upload(imageRoutes.load, {
      query: {
        ...(project === undefined ? {} : { project }),
        ...(flags.name === undefined ? {} : { name: flags.name }),
      },
      bytes: file?.bytes ?? terminal.stdin,
      signal,
    });
    await invocation.output.done("image", image.name, "loaded", image);
  },
});
