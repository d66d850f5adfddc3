import { SkerryError } from "@skerry/core/contract/errors.ts";
import { confirmAtTerminal } from "../../prompts/ask.ts";
import { defineCommand } from "../command.ts";
import type { Descriptor } from "./descriptor.ts";
import { getResource, isOfProject } from "./get.ts";

export function rmOf(descriptor: Descriptor) {
  return defineCommand({
    usage: `${descriptor.param.toUpperCase()}...`,
    args: [1, 1000],
    options: {},
    takesProject: isOfProject(descriptor),
    ...(descriptor.rmLoses === undefined ? {} : { details: "Asks first on a terminal; --yes does not." }),
    example: descriptor.rmExample ?? `${descriptor.kind} rm ${descriptor.param === "uid" ? "current" : "NAME"}`,
    async run(invocation, { args }) {
      const { delete: route, kind } = descriptor;
      if (route === undefined) throw new SkerryError("unsupported", `A ${kind} cannot be removed.`);
      const { rmLoses } = descriptor;
      for (const name of args) descriptor.assertName?.(name);
      if (rmLoses !== undefined) {
        await confirmAtTerminal(invocation.terminal, rmQuestion(kind, args, rmLoses), invocation.globals.yes);
      }
      const client = await invocation.client();
      const project = descriptor.namedByProject ? await invocation.project() : undefined;
      const query = project === undefined ? {} : { project };
      const isNamedAlone = descriptor.listsByProject && !descriptor.namedByProject;
      for (const name of args) {
        if (isNamedAlone && invocation.globals.project !== undefined) await getResource(invocation, descriptor, name);
        await client.call(route, { params: { [descriptor.param]: name }, query, signal: invocation.signal });
        await invocation.output.done(kind, name, "removed");
      }
    },
  });
}

/** `Remove the volume data? What is in it is lost.` */
export function rmQuestion(kind: string, names: readonly string[], loses: string): string {
  const what = names.length === 1 ? `the ${kind} ${names[0]}` : `${names.length} of kind ${kind} (${names.join(", ")})`;
  return `Remove ${what}? ${loses}`;
}
