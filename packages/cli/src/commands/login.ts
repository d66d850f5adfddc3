import { hostname } from "node:os";
import { resolve } from "node:path";
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { assertUrl, clientFor, localSocket } from "../context/connect.ts";
import {
  type Context,
  nameForLogin,
  readContexts,
  sameTarget,
  withContext,
  writeContexts,
} from "../context/contexts.ts";
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
    name: { type: "string", describe: "Name of the context, replacing what it was (default: one of the user's own)" },
  },
  example: "login --url https://cloud.example --user alice",
  details:
    "Without an address: to the cloud of the current context. Each user has a context of their own there; a login makes " +
    "it the current one, and skerry context use goes back. Only a login of the same user, or --name, replaces one.",
  takesProject: true,
  async run(invocation, { flags }) {
    const { terminal, signal, output, globals } = invocation;
    if (flags.name !== undefined) assertContextName(flags.name);
    const target = await chooseTarget(invocation, flags);
    const userName = flags.user ?? (await askLine(terminal, "User", "--user"));
    const file = flags["password-file"];
    const password =
      file === undefined
        ? await askPassword(terminal, `Password of ${userName}`, "--password-file")
        : await readSecretFile(file, "--password-file", terminal.stdin);
    const session = await clientFor(target).call(sessionRoutes.create, { body: { name: userName, password }, signal });
    // Read only now: somebody may have sat before the prompt for long, and logged in elsewhere meanwhile.
    const contexts = await readContexts(terminal.env);
    const base = baseName(contexts, target);
    const name = flags.name ?? nameForLogin(contexts, base, { ...target, user: session.userName });
    assertContextName(name);
    const context = loginContext(contexts, { ...target, name }, { user: session.userName, token: session.token });
    const project = globals.project ?? context.project;
    await writeContexts(terminal.env, {
      ...withContext(contexts, { ...context, ...(project === undefined ? {} : { project }) }),
      current: name,
    });
    const before = contexts.contexts.find((one) => one.name === base && sameTarget(one, target));
    if (before !== undefined && before.name !== name && flags.name === undefined) {
      output.note(`The context ${base} stays ${before.user ?? "as it is"}'s; ${session.userName} has ${name}.`);
    }
    const value = { context: name, user: session.userName, expiresAt: session.expiresAt };
    await output.done("context", name, `is current: you are ${session.userName}`, value);
  },
});

type Target = Pick<Context, "socketPath" | "url"> & { readonly name?: string };

/** `office` for a target that is known as `office` or as amy's `office-amy`. */
function baseName({ contexts }: { readonly contexts: readonly Context[] }, target: Target): string {
  const { name } = target;
  if (name === undefined) return nameFor(target);
  const suffix = `-${contexts.find((one) => one.name === name)?.user ?? ""}`;
  return suffix !== "-" && name.endsWith(suffix) && name !== suffix ? name.slice(0, -suffix.length) : name;
}

/** The project that the same user worked in stays. */
function loginContext(
  { contexts }: { readonly contexts: readonly Context[] },
  { name, ...target }: Target & { readonly name: string },
  login: { readonly user: string; readonly token: string },
): Context {
  const before = contexts.find((one) => one.name === name);
  const kept =
    before !== undefined && before.user === login.user && sameTarget(before, target) ? before.project : undefined;
  return { ...target, name, ...login, ...(kept === undefined ? {} : { project: kept }) };
}

async function chooseTarget(
  { terminal, globals }: Invocation,
  flags: { url: string | undefined; socket: string | undefined },
): Promise<Target> {
  if (flags.url !== undefined && flags.socket !== undefined) {
    throw new SkerryError("invalid", "--url and --socket exclude each other.");
  }
  if (flags.url !== undefined) return { url: assertUrl(flags.url) };
  if (flags.socket !== undefined) return { socketPath: resolve(flags.socket) };
  const { contexts, current } = await readContexts(terminal.env);
  const wanted = globals.context ?? current;
  const context = contexts.find(({ name }) => name === wanted);
  if (context === undefined && globals.context !== undefined) {
    throw new SkerryError("not_found", `There is no context ${JSON.stringify(globals.context)}.`);
  }
  if (context === undefined) return { socketPath: localSocket(terminal.env) };
  const { name, socketPath, url } = context;
  return { name, ...(socketPath === undefined ? {} : { socketPath }), ...(url === undefined ? {} : { url }) };
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
