import { accessLogRoutes } from "@skerry/core/contract/api/access-log.ts";
import { isError, SkerryError } from "@skerry/core/contract/errors.ts";
import { accessText } from "@skerry/core/contract/present/access-log.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { writeAll } from "../../output/terminal.ts";
import { defineCommand } from "../command.ts";

const { maxAccessTail } = LIMITS.gateway;

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {
    follow: { type: "boolean", alias: "f", describe: "Go on with what comes" },
    route: { type: "string", describe: "Only requests to this route" },
    errors: { type: "boolean", describe: "Only requests that failed" },
    tail: { type: "string", alias: "n", describe: `So many of the newest, at most ${maxAccessTail} (default: 100)` },
  },
  example: "gateway log -f --errors",
  more: [["gateway log --route app-example-com -o json", "as they were written, for jq"]],
  details:
    "Requests to routes that you may see; those that led to no route are shown to operators and admins. Lines of a worker come within a second.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { terminal, signal, globals } = invocation;
    const client = await invocation.client();
    const project = await invocation.project();
    const { body } = await client.download(accessLogRoutes.read, {
      params: {},
      query: {
        ...(project === undefined ? {} : { project }),
        ...(flags.route === undefined ? {} : { route: flags.route }),
        ...(flags.errors ? { errors: "1" as const } : {}),
        ...(flags.follow ? { follow: "1" as const } : {}),
        ...(flags.tail === undefined ? {} : { tail: readCount(flags.tail) }),
      },
      signal,
    });
    const isRaw = globals.output === "json";
    let rest = "";
    try {
      for await (const part of body) {
        const text = rest + Buffer.from(part).toString("latin1");
        const whole = text.lastIndexOf("\n") + 1;
        rest = text.slice(whole);
        if (whole === 0) continue;
        // They are JSON in ASCII: nothing in them acts on a terminal.
        const lines = text.slice(0, whole);
        await writeAll(terminal.stdout, isRaw ? lines : lines.slice(0, -1).split("\n").map(accessText).join(""));
      }
    } catch (error) {
      if (!isError(error, "unavailable")) throw error;
      throw new SkerryError("unavailable", "The access log broke off: the daemon has gone.", {
        hint: "What came is shown. How it is now: skerry status",
        cause: error,
      });
    }
  },
});

function readCount(text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= maxAccessTail) return count;
  throw new SkerryError(
    "invalid",
    `--tail: ${JSON.stringify(text)} is not a number of lines, at most ${maxAccessTail}.`,
  );
}
