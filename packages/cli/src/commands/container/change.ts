import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import { defineCommand } from "../command.ts";
import { tellSettled, untilSettled, untilStopped } from "./settled.ts";

/** It runs, or will as soon as it can. */
function isStarting({ spec, status }: ContainerView): boolean {
  return spec.running && ["pending", "running"].includes(status?.state ?? "pending");
}

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
        const before = await client.call(containerRoutes.get, input);
        if (running && isStarting(before)) {
          // To ask again would be a change, for whose own start nobody would see a reason.
          const settled = before.status?.state === "running" ? before : await untilSettled(client, before, signal);
          await tellSettled(invocation.output, settled, done);
          continue;
        }
        const changed = await client.call(containerRoutes.update, { ...input, body: { spec: { running } } });
        const settled = await (running ? untilSettled : untilStopped)(client, changed, signal);
        await tellSettled(invocation.output, settled, done);
      }
    },
  });
}
