import { imageRoutes } from "@skerry/core/contract/api/image.ts";
import { confirmAtTerminal } from "../../prompts/ask.ts";
import { defineCommand } from "../command.ts";
import { rmQuestion } from "../resource/rm.ts";

export default defineCommand({
  usage: "NAME...",
  args: [1, 100],
  options: {},
  example: "image rm web:1",
  takesProject: true,
  details: "Asks first on a terminal; --yes does not.",
  async run(invocation, { args }) {
    const question = rmQuestion("image", args, "It must be loaded again to be used again.");
    await confirmAtTerminal(invocation.terminal, question, invocation.globals.yes);
    const client = await invocation.client();
    const project = await invocation.project();
    const query = project === undefined ? {} : { project };
    for (const name of args) {
      await client.call(imageRoutes.delete, { params: { name }, query, signal: invocation.signal });
      await invocation.output.done("image", name, "removed");
    }
  },
});
