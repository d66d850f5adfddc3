import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand, type Invocation } from "../command.ts";
import { type AnyResource, assertNoProject, type Descriptor, listItems, listQuery } from "./descriptor.ts";

export function getOf(descriptor: Descriptor) {
  return defineCommand({
    usage: "NAME",
    args: [1, 1],
    options: {},
    takesProject: isOfProject(descriptor),
    example: `${descriptor.kind} get NAME -o yaml`,
    async run(invocation, { args }) {
      await showResource(invocation, descriptor, args[0] ?? "");
    },
  });
}

/** Also what is found by its name alone, as a bucket: then the project must be its own. */
export function isOfProject({ listsByProject, namedByProject }: Descriptor): boolean {
  return listsByProject || namedByProject;
}

/** @throws `not_found` */
export async function showResource(invocation: Invocation, descriptor: Descriptor, name: string): Promise<void> {
  const { client, output, signal } = invocation;
  const item = await getResource(invocation, descriptor, name);
  const { readable } = descriptor;
  const [shown = item] =
    readable === undefined || output.format !== "table" ? [item] : await readable(await client(), [item], signal);
  await output.one(descriptor.presentation, shown);
}

/** @throws `not_found`, also when it is in another project than `--project` says. */
export async function getResource(invocation: Invocation, descriptor: Descriptor, name: string): Promise<AnyResource> {
  if (!isOfProject(descriptor)) assertNoProject(invocation, descriptor.kind);
  descriptor.assertName?.(name);
  const client = await invocation.client();
  if (descriptor.get !== undefined) {
    const project = descriptor.namedByProject ? await invocation.project() : undefined;
    const query = project === undefined ? {} : { project };
    const input = { params: { name }, query, signal: invocation.signal };
    const item = (await client.call(descriptor.get, input)) as unknown as AnyResource;
    const { project: wanted } = invocation.globals;
    if (wanted === undefined || descriptor.namedByProject) return item;
    if ([item.meta.project, item.meta.projectName].includes(wanted)) return item;
    throw new SkerryError("not_found", `There is no ${descriptor.kind} ${name} in the project ${wanted}.`, {
      hint: `A ${descriptor.kind} is found by its name alone: leave --project out.`,
    });
  }
  const query = await listQuery(invocation, descriptor, undefined);
  for await (const item of listItems(client, descriptor, query, invocation.signal)) {
    if (descriptor.presentation.nameOf(item) === name || item.meta.name === name) return item;
  }
  throw new SkerryError("not_found", `There is no ${descriptor.kind} ${name}, or it is not yours to see.`, {
    hint: `skerry ${descriptor.kind} ls shows those that are there.`,
  });
}
