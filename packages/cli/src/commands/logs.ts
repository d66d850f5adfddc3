import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { plainText } from "../output/escape.ts";
import { writeAll } from "../output/terminal.ts";
import { defineCommand } from "./command.ts";
import { parseSince } from "./container/since.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    follow: { type: "boolean", alias: "f", describe: "Go on with what comes, until it ends" },
    tail: { type: "string", alias: "n", describe: "Only so many lines from the end" },
    since: { type: "string", describe: "Only what was written since: 10m, 2h, or a time like 2026-11-21T16:00:00Z" },
    timestamps: { type: "boolean", alias: "t", describe: "Each line begins with its time" },
    raw: { type: "boolean", describe: "As it is, control characters and colors too" },
  },
  example: "logs web -f --tail 100",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { terminal, signal } = invocation;
    const client = await invocation.client();
    const project = await invocation.project();
    const { body } = await client.download(containerRoutes.logs, {
      params: { name: args[0] ?? "" },
      query: {
        ...(project === undefined ? {} : { project }),
        ...(flags.follow ? { follow: "1" as const } : {}),
        ...(flags.timestamps ? { timestamps: "1" as const } : {}),
        ...(flags.tail === undefined ? {} : { tail: readCount(flags.tail) }),
        ...(flags.since === undefined ? {} : { since: parseSince(flags.since, terminal.nowMs()) }),
      },
      signal,
    });
    const decoder = new TextDecoder();
    try {
      for await (const part of body) {
        await writeAll(terminal.stdout, flags.raw ? part : plainText(decoder.decode(part, { stream: true })));
      }
    } catch (error) {
      if (!isError(error, "unavailable")) throw error;
      throw new SkerryError("unavailable", "The logs broke off: the container engine or the daemon has gone.", {
        hint: `What came is shown. How it is now: skerry container get ${args[0]}`,
        cause: error,
      });
    }
  },
});

function readCount(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new SkerryError("invalid", `--tail: ${JSON.stringify(text)} is not a number of lines.`);
}
