/** `skerry up`: the daemon in the foreground. The flags, and their help, are the daemon's own. */
import { dirname, join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { nameForLogin, readContexts, sameTarget, withContext, writeContexts } from "../context/contexts.ts";
import { escapeText } from "../output/escape.ts";
import { reword } from "../output/reword.ts";
import type { Terminal } from "../output/terminal.ts";
import type { PassThrough } from "./command.ts";

interface Ready {
  readonly httpUrl?: string | undefined;
  readonly httpsUrl?: string | undefined;
  readonly apiUrl: string;
  readonly socketPath: string;
  readonly dataDirectory: string;
  readonly firstPassword?: { readonly userName: string; readonly file: string; readonly password: string };
  readonly context?: ReadyContext | undefined;
}

const value = (describe: string) => ({ type: "string", describe }) as const;
const switchOn = (describe: string) => ({ type: "boolean", describe }) as const;

export const up: PassThrough = {
  // The daemon's own settings, in short: to load its table would take longer than to type the flag.
  options: {
    data: value("Everything that this node keeps"),
    "listen-api": value("Where the API answers, on loopback"),
    "listen-http": value("Where the gateway answers plain HTTP"),
    "listen-https": value("Where the gateway answers HTTPS"),
    "gateway-workers": value("Processes that serve the gateway's traffic"),
    "gateway-tls-min": { ...value("The oldest version of TLS for the gateway's clients"), choices: ["1.2", "1.3"] },
    "gateway-ports": value("Ports on which every project may publish TCP and UDP"),
    "gateway-access-log": value("Requests in the access log: all, errors, a share like 5%, or off"),
    "gateway-proxy-protocol-from": { type: "array", describe: "Networks of proxies in front of the gateway" },
    "gateway-in-kernel": { ...value("Whether nftables forwards TCP and UDP"), choices: ["auto", "never"] },
    "engine-socket": value("The socket of Docker, which runs the containers"),
    "engine-pool": value("Range of addresses of the containers' networks"),
    "engine-publish": value("Where published ports of containers answer"),
    "storage-dir": { type: "array", describe: "A directory for replicas, best one per disk" },
    "log-format": { ...value("Lines for people, or JSON"), choices: ["pretty", "json"] },
    "log-level": { ...value("The least important lines"), choices: ["debug", "info", "warn", "error"] },
    "log-file": value("Where the log goes"),
    "node-name": value("The name of this machine in the cloud"),
    config: value("A YAML file with settings"),
    "print-config": switchOn("Print the settings in force, and stop"),
    version: switchOn("Print the version, and stop"),
  },
  async passThrough(terminal, argv) {
    const { runDaemon } = await import("@skerry/daemon/main.ts");
    terminal.releaseSignals();
    let made: Made | undefined;
    try {
      return await runDaemon({
        argv,
        env: terminal.env,
        program: "skerry up",
        onFirstStart: async (first) => {
          made = await rememberContext(terminal, first);
        },
        onFirstStartUndone: async () => {
          if (made !== undefined) await forgetContext(terminal, made);
        },
        async onReady(ready) {
          const { env, stderr } = terminal;
          // `npm start` in a checkout: skerry is not on the PATH of the next terminal.
          const checkout = env["npm_lifecycle_event"] === undefined ? undefined : env["npm_package_json"];
          const binDirectory = checkout === undefined ? undefined : join(dirname(checkout), "node_modules", ".bin");
          // It is up, whatever is wrong with the contexts.
          const context = await contextOf(terminal, ready.socketPath).catch(() => undefined);
          // Standard output is the log's.
          stderr.write(readyText({ ...ready, context }, { binDirectory, toPerson: stderr.isTTY === true }));
        },
      });
    } catch (error) {
      if (!(error instanceof SkerryError) || error.hint === undefined) throw error;
      throw reword(error, { hint: sayUp(error.hint) });
    }
  },
};

/** The daemon calls itself by the name of its own program. */
function sayUp(text: string): string {
  return text.replaceAll("skerryd", "skerry up");
}

/** The first context works at once. It becomes the current one unless there is one, of another cloud. */
async function rememberContext(
  { env }: Terminal,
  {
    socketPath,
    token,
    userName: user,
  }: { readonly socketPath: string; readonly token: string; readonly userName: string },
): Promise<Made> {
  const contexts = await readContexts(env);
  const target = { socketPath };
  // Whatever was at this socket is gone with its tokens.
  const dead = contexts.contexts.filter((context) => sameTarget(context, target));
  const kept = { ...contexts, contexts: contexts.contexts.filter((context) => !dead.includes(context)) };
  const name = dead.find((context) => context.user === user)?.name ?? nameForLogin(kept, "local", { ...target, user });
  const current = contexts.contexts.some((context) => context.name === contexts.current && !dead.includes(context));
  const before = current ? contexts : { ...contexts, current: name };
  await writeContexts(env, withContext(before, { name, socketPath, user, token }));
  return { name, token, currentBefore: contexts.current };
}

/** A context that a first start has made. */
interface Made {
  readonly name: string;
  readonly token: string;
  readonly currentBefore: string | undefined;
}

/** Its cloud has never run. */
async function forgetContext({ env }: Terminal, { name, token, currentBefore }: Made): Promise<void> {
  const { contexts, current } = await readContexts(env);
  const kept = contexts.filter((context) => context.token !== token);
  const back = current === name ? currentBefore : current;
  const stays = kept.some((context) => context.name === back);
  await writeContexts(env, { contexts: kept, ...(back !== undefined && stays ? { current: back } : {}) });
}

/** How the CLI reaches this daemon. */
interface ReadyContext {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly hasToken: boolean;
}

/** That of this socket, made when there is none: its data may have been restored, or have come from elsewhere. */
async function contextOf({ env }: Terminal, socketPath: string): Promise<ReadyContext> {
  const contexts = await readContexts(env);
  const here = contexts.contexts.filter((context) => sameTarget(context, { socketPath }));
  const found =
    here.find(({ name }) => name === contexts.current) ?? here.find(({ token }) => token !== undefined) ?? here[0];
  if (found !== undefined) {
    return { name: found.name, isCurrent: found.name === contexts.current, hasToken: found.token !== undefined };
  }
  const taken = new Set(contexts.contexts.map(({ name }) => name));
  let name = "local";
  for (let n = 2; taken.has(name); n++) name = `local-${n}`;
  const isCurrent = contexts.current === undefined;
  await writeContexts(env, withContext(isCurrent ? { ...contexts, current: name } : contexts, { name, socketPath }));
  return { name, isCurrent, hasToken: false };
}

/** What a person sees first. The password is shown to a person only, never in what may become a log. */
export function readyText(
  { apiUrl, httpUrl, httpsUrl, socketPath, dataDirectory, firstPassword, context }: Ready,
  { binDirectory, toPerson }: { readonly binDirectory: string | undefined; readonly toPerson: boolean },
): string {
  const lines = [
    "Skerry is up.",
    `  API     ${escapeText(apiUrl)}`,
    ...(httpUrl === undefined || httpsUrl === undefined
      ? []
      : [`  Gateway ${escapeText(httpUrl)}`, `          ${escapeText(httpsUrl)}`]),
    `  Socket  ${escapeText(socketPath)}`,
    `  Data    ${escapeText(dataDirectory)}`,
  ];
  const program = binDirectory === undefined ? "skerry" : "npx skerry";
  if (firstPassword !== undefined) {
    const { userName, file, password } = firstPassword;
    const first = `  First user ${escapeText(userName)}, password`;
    if (toPerson) lines.push(`${first}`, `    ${escapeText(password)}`, `    also in ${escapeText(file)}`);
    else lines.push(`${first} in ${escapeText(file)}`);
    lines.push(
      "Try next, in another terminal:",
      ...tryNext(context, userName).map((line) => `  ${program} ${escapeText(line)}`),
    );
    if (binDirectory !== undefined) {
      lines.push(`To type skerry alone there:  export PATH="${escapeText(binDirectory)}:$PATH"`);
    }
  }
  if (firstPassword === undefined && context !== undefined) {
    const { name, isCurrent, hasToken } = context;
    const flag = isCurrent ? "" : ` --context ${name}`;
    if (!hasToken) lines.push(`Log in to it:  ${program} login${escapeText(flag)}`);
    else if (!isCurrent)
      lines.push(`Your current context is another cloud. This one:  ${program} status${escapeText(flag)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Commands that work as they stand here, whatever the current context is. */
function tryNext(context: ReadyContext | undefined, userName: string): readonly string[] {
  const { name = "", isCurrent = true, hasToken = true } = context ?? {};
  const lines = ["status", "bucket create photos", "cp README.md photos:"];
  // A login makes it the current one.
  if (!hasToken) return [`login --context ${name} --user ${userName}`, ...lines];
  return isCurrent ? lines : lines.map((line) => `${line} --context ${name}`);
}
