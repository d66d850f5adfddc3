import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import type { Descriptor } from "./descriptor.ts";
import { getResource, isOfProject } from "./get.ts";

export function rmOf(descriptor: Descriptor) {
  return defineCommand({
    usage: `${descriptor.param.toUpperCase()}...`,
    args: [1, 1000],
    options: {},
    takesProject: isOfProject(descriptor),
    example: descriptor.rmExample ?? `${descriptor.kind} rm ${descriptor.param === "uid" ? "current" : "NAME"}`,
    async run(invocation, { args }) {
      const { delete: route, kind } = descriptor;
      if (route === undefined) throw new SkerryError("unsupported", `A ${kind} cannot be removed.`);
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
