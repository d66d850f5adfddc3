/** From flags, variables and contexts to a client. */
import { homedir } from "node:os";
import { join } from "node:path";
import { Client } from "@skerry/core/contract/client/client.ts";
import { createHttpTransport, type HttpTarget } from "@skerry/core/contract/client/http.ts";
import { createTerminalTransport } from "@skerry/core/contract/client/terminal.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { closest } from "../commands/suggest.ts";
import { readSecretFile } from "../prompts/secret-file.ts";
import { type Context, readContexts } from "./contexts.ts";

export interface ConnectOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--context` */
  readonly context?: string | undefined;
  /** `--token-file` */
  readonly tokenFile?: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
}

export interface Connection {
  readonly client: Client;
  /** Where it goes; without a name when there is no context. */
  readonly context: Omit<Context, "name"> & { readonly name?: string };
  /** Where the token came from: `SKERRY_TOKEN`, the path of a file; undefined: the context. */
  readonly tokenSource: string | undefined;
}

export async function connect(options: ConnectOptions): Promise<Connection> {
  const context = await chooseContext(options);
  const token = await chooseToken(options, context.token);
  const variable = options.env["SKERRY_TOKEN"] ? "the variable SKERRY_TOKEN" : undefined;
  const tokenSource = options.tokenFile === undefined ? variable : `the file ${options.tokenFile} (--token-file)`;
  return { client: clientFor(context, token), context, tokenSource };
}

export function clientFor(target: Pick<Context, "socketPath" | "url">, token?: string): Client {
  const to = httpTarget(target);
  return new Client({
    transport: createHttpTransport(to),
    openTerminal: createTerminalTransport(to),
    userAgent: "skerry-cli",
    ...(token === undefined ? {} : { token }),
  });
}

function httpTarget({ socketPath, url }: Pick<Context, "socketPath" | "url">): HttpTarget {
  return socketPath === undefined ? { url: assertUrl(url ?? "") } : { socketPath };
}

/**
 * The address of an API. Secrets go over plain HTTP to this machine only.
 * @throws `invalid`
 */
export function assertUrl(text: string): string {
  const url = URL.parse(text);
  const bad = (why: string, hint: string) => new SkerryError("invalid", `${JSON.stringify(text)} ${why}.`, { hint });
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw bad("is not the address of an API", "It looks like http://127.0.0.1:7400 or https://cloud.example.");
  }
  if (url.username !== "" || url.password !== "") {
    throw bad("holds a secret", "Secrets do not go into addresses: use skerry login.");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw bad("has more than a host and a port", `Try ${url.origin}.`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw bad("would send your secrets unprotected", "Use https:// for another machine.");
  }
  return url.origin;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The daemon of this machine, where `skerry up` puts its socket. */
export function localSocket(env: ConnectOptions["env"]): string {
  const data = env["SKERRY_DATA"] || join(env["HOME"] || homedir(), ".local", "share", "skerry");
  return join(data, "run", "api.sock");
}

async function chooseContext({ env, context: wanted }: ConnectOptions): Promise<Connection["context"]> {
  const { contexts, current } = await readContexts(env);
  const name = wanted ?? current;
  if (name === undefined) return { socketPath: localSocket(env) };
  const context = contexts.find((one) => one.name === name);
  if (context !== undefined) return context;
  const near = closest(
    name,
    contexts.map((one) => one.name),
  );
  throw new SkerryError("not_found", `There is no context ${JSON.stringify(name)}.`, {
    hint: near === undefined ? "skerry context ls shows those that are there." : `Did you mean ${near}?`,
  });
}

/** `--token-file`, `SKERRY_TOKEN`, the context's, in this order. */
async function chooseToken(options: ConnectOptions, ofContext: string | undefined): Promise<string | undefined> {
  const { tokenFile } = options;
  if (tokenFile !== undefined)
    return assertToken(await readSecretFile(tokenFile, "--token-file", options.stdin), tokenFile);
  const token = options.env["SKERRY_TOKEN"];
  return token === undefined || token === "" ? ofContext : assertToken(token, "SKERRY_TOKEN");
}

/** What a header can carry. @throws `invalid` */
function assertToken(token: string, source: string): string {
  if (/[^\u0021-\u007e]/.test(token)) throw new SkerryError("invalid", `${source} does not hold a token.`);
  return token;
}
