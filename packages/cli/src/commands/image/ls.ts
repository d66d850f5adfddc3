import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { imagePresentation } from "@skerry/core/contract/present/image.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "image ls",
  takesProject: true,
  async run(invocation) {
    const project = await invocation.project();
    const query = project === undefined ? {} : { project };
    const client = await invocation.client();
    const { items } = await client.call(imageRoutes.list, { query, signal: invocation.signal });
    await invocation.output.list(imagePresentation, items);
  },
});
