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
    try {
      return await runDaemon({
        argv,
        env: terminal.env,
        program: "skerry up",
        onFirstStart: (first) => rememberContext(terminal, first),
        async onReady(ready) {
          const { env, stderr } = terminal;
          // `npm start` in a checkout: skerry is not on the PATH of the next terminal.
          const checkout = env["npm_lifecycle_event"] === undefined ? undefined : env["npm_package_json"];
          const binDirectory = checkout === undefined ? undefined : join(dirname(checkout), "node_modules", ".bin");
          // Standard output is the log's.
          stderr.write(readyText(ready, { binDirectory, toPerson: stderr.isTTY === true }));
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
): Promise<void> {
  const contexts = await readContexts(env);
  const target = { socketPath };
  // Whatever was at this socket is gone with its tokens.
  const dead = contexts.contexts.filter((context) => sameTarget(context, target));
  const kept = { ...contexts, contexts: contexts.contexts.filter((context) => !dead.includes(context)) };
  const name = dead.find((context) => context.user === user)?.name ?? nameForLogin(kept, "local", { ...target, user });
  const current = contexts.contexts.some((context) => context.name === contexts.current && !dead.includes(context));
  const before = current ? contexts : { ...contexts, current: name };
  await writeContexts(env, withContext(before, { name, socketPath, user, token }));
}

/** What a person sees first. The password is shown to a person only, never in what may become a log. */
export function readyText(
  { apiUrl, httpUrl, httpsUrl, socketPath, dataDirectory, firstPassword }: Ready,
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
  if (firstPassword !== undefined) {
    const { userName, file, password } = firstPassword;
    const program = binDirectory === undefined ? "skerry" : "npx skerry";
    const first = `  First user ${escapeText(userName)}, password`;
    if (toPerson) lines.push(`${first}`, `    ${escapeText(password)}`, `    also in ${escapeText(file)}`);
    else lines.push(`${first} in ${escapeText(file)}`);
    lines.push(
      "Try next, in another terminal:",
      ...["status", "bucket create photos", "cp README.md photos:"].map((line) => `  ${program} ${line}`),
    );
    if (binDirectory !== undefined) {
      lines.push(`To type skerry alone there:  export PATH="${escapeText(binDirectory)}:$PATH"`);
    }
  }
  return `${lines.join("\n")}\n`;
}
