/** The terminal of a command that draws on all of it. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { describeTarget } from "../context/contexts.ts";
import type { Invocation } from "./command.ts";

/** What such a program needs to draw. `instead`: what works without one. @throws `unsupported` */
export async function screenTerminal({ connection, globals, terminal }: Invocation, name: string, instead: string) {
  const { stdin, stdout, env } = terminal;
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new SkerryError("unsupported", `skerry ${name} needs a terminal, and this is none.`, { hint: instead });
  }
  if (env["TERM"] === "dumb") {
    throw new SkerryError(
      "unsupported",
      `skerry ${name} needs a terminal that can place text, and this one says that it cannot.`,
      { hint: "TERM is dumb here. In a better terminal, set it to what that is, e.g. TERM=xterm-256color." },
    );
  }
  const { client, context } = await connection();
  return {
    client,
    context: context.name ?? describeTarget(context),
    stdin: stdin as NodeJS.ReadStream,
    stdout: stdout as NodeJS.WriteStream,
    color: !globals["no-color"] && !env["NO_COLOR"],
  };
}
