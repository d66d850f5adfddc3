import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { defineCommand } from "../command.ts";
import { untilSettled, untilStopped } from "./settled.ts";

/** `skerry stop` and `skerry start`. */
export function runningCommand(running: boolean, word: string, done: string) {
  return defineCommand({
    usage: "NAME...",
    args: [1, 100],
    options: {},
    example: `${word} web`,
    takesProject: true,
    async run(invocation, { args }) {
      const client = await invocation.client();
      const project = await invocation.project();
      const { signal } = invocation;
      for (const name of args) {
        const input = { params: { name }, query: project === undefined ? {} : { project }, signal };
        const changed = await client.call(containerRoutes.update, { ...input, body: { spec: { running } } });
        const settled = await (running ? untilSettled : untilStopped)(client, changed, signal);
        await invocation.output.done("container", name, done, settled);
      }
    },
  });
}
