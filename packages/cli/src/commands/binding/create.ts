import { bindingRoutes } from "@skerry/core/contract/api/project.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "USER",
  args: [1, 1],
  options: {
    role: {
      type: "string",
      choices: ["member", "viewer"],
      describe: "member: may change everything in the project; viewer: may look",
    },
  },
  example: "binding create alice --project web --role member",
  details: "Needs --project and --role. Replaces the role that the user had in the project.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const project = await invocation.project();
    if (project === undefined || flags.role === undefined) {
      throw new SkerryError("invalid", `${project === undefined ? "--project" : "--role"} is missing.`, {
        hint: "Like this: skerry binding create alice --project web --role member",
      });
    }
    const client = await invocation.client();
    const binding = await client.call(bindingRoutes.create, {
      body: { user: args[0] ?? "", project, role: flags.role },
      signal: invocation.signal,
    });
    await invocation.output.done("binding", binding.meta.name, "created", binding);
  },
});
