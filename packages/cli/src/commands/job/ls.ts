import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { jobPresentation } from "@skerry/core/contract/present/node.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "job ls",
  async run(invocation) {
    const client = await invocation.client();
    const { items } = await client.call(nodeRoutes.jobs, { signal: invocation.signal });
    await invocation.output.list(jobPresentation, items);
  },
});
