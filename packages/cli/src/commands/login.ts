import { hostname } from "node:os";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { assertUrl, clientFor, localSocket } from "../context/connect.ts";
import { type Context, freeName, readContexts, withContext, writeContexts } from "../context/contexts.ts";
import { askLine, askPassword } from "../prompts/ask.ts";
import { readSecretFile } from "../prompts/secret-file.ts";
import { defineCommand, type Invocation } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {
    url: { type: "string", describe: "Address of the API, e.g. https://cloud.example" },
    socket: { type: "string", describe: "Unix socket of a daemon on this machine" },
    user: { type: "string", describe: "Name of the user (asked when absent)" },
    "password-file": { type: "string", describe: "Password: in this file, - for standard input (asked when absent)" },
    name: { type: "string", describe: "Name of the context (default: from the address)" },
  },
  example: "login --url https://cloud.example --user alice",
  details: "Without an address: to the cloud of the current context. What follows talks to this cloud, as this user.",
  async run(invocation, { flags }) {
    const { terminal, signal, output, globals } = invocation;
    const contexts = await readContexts(terminal.env);
    const target = await chooseTarget(invocation, flags);
    const userName = flags.user ?? (await askLine(terminal, "User", "--user"));
    const file = flags["password-file"];
    const password =
      file === undefined
        ? await askPassword(terminal, `Password of ${userName}`, "--password-file")
        : await readSecretFile(file, "--password-file", terminal.stdin);
    const session = await clientFor(target).call(sessionRoutes.create, { body: { name: userName, password }, signal });
    const name = flags.name ?? target.name ?? freeName(contexts, nameFor(target), target);
    assertContextName(name);
    const { project } = globals;
    const context: Context = { ...target, name, token: session.token, ...(project === undefined ? {} : { project }) };
    await writeContexts(terminal.env, { ...withContext(contexts, context), current: name });
    const value = { context: name, user: session.userName, expiresAt: session.expiresAt };
    await output.done("context", name, `is current: you are ${session.userName}`, value);
  },
});

type Target = Omit<Context, "name" | "token"> & { readonly name?: string };

async function chooseTarget(
  { terminal, globals }: Invocation,
  flags: { url: string | undefined; socket: string | undefined },
): Promise<Target> {
  if (flags.url !== undefined && flags.socket !== undefined) {
    throw new SkerryError("invalid", "--url and --socket exclude each other.");
  }
  if (flags.url !== undefined) return { url: assertUrl(flags.url) };
  if (flags.socket !== undefined) return { socketPath: flags.socket };
  const { contexts, current } = await readContexts(terminal.env);
  const wanted = globals.context ?? current;
  const context = contexts.find(({ name }) => name === wanted);
  if (context === undefined && globals.context !== undefined) {
    throw new SkerryError("not_found", `There is no context ${JSON.stringify(globals.context)}.`);
  }
  const { token: _, ...target } = context ?? { socketPath: localSocket(terminal.env), token: undefined };
  return target;
}

function nameFor({ url }: Target): string {
  if (url === undefined) return "local";
  const host = new URL(url).hostname.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "");
  return host === "127-0-0-1" || host === "localhost" ? "local" : host.toLowerCase() || hostname();
}

function assertContextName(name: string): void {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/.test(name)) return;
  throw new SkerryError("invalid", `${JSON.stringify(name)} is not a name for a context.`, {
    hint: "Letters, digits, '.', '_' and '-', beginning and ending with a letter or digit.",
  });
}
