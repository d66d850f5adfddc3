import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "NAME...",
  args: [1, 100],
  options: {},
  example: "image rm web:1",
  takesProject: true,
  async run(invocation, { args }) {
    const client = await invocation.client();
    const project = await invocation.project();
    const query = project === undefined ? {} : { project };
    for (const name of args) {
      await client.call(imageRoutes.delete, { params: { name }, query, signal: invocation.signal });
      await invocation.output.done("image", name, "removed");
    }
  },
});
