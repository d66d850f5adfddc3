/** `skerry up`: the daemon in the foreground. The flags, and their help, are the daemon's own. */
import { dirname, join } from "node:path";
import { freeName, readContexts, withContext, writeContexts } from "../context/contexts.ts";
import { escapeText } from "../output/escape.ts";
import type { Terminal } from "../output/terminal.ts";
import type { PassThrough } from "./command.ts";

interface First {
  readonly socketPath: string;
  readonly token: string;
  readonly userName: string;
  readonly passwordFile: string;
  readonly password: string;
}

export const up: PassThrough = {
  async passThrough(terminal, argv) {
    const { runDaemon } = await import("@skerry/daemon/main.ts");
    terminal.releaseSignals();
    let first: First | undefined;
    return runDaemon({
      argv,
      env: terminal.env,
      async onFirstStart(made) {
        first = made;
        await rememberContext(terminal, made);
      },
      async onReady(ready) {
        const { env, stderr } = terminal;
        // `npm start` in a checkout: skerry is not on the PATH of the next terminal.
        const checkout = env["npm_lifecycle_event"] === undefined ? undefined : env["npm_package_json"];
        const binDirectory = checkout === undefined ? undefined : join(dirname(checkout), "node_modules", ".bin");
        // Standard output is the log's.
        stderr.write(readyText(ready, first, { binDirectory, toPerson: stderr.isTTY === true }));
      },
    });
  },
};

/** The first context works at once. It becomes the current one only when there is none. */
async function rememberContext({ env }: Terminal, { socketPath, token }: First): Promise<void> {
  const contexts = await readContexts(env);
  const name = freeName(contexts, "local", { socketPath });
  const { current = name } = contexts;
  await writeContexts(env, { ...withContext(contexts, { name, socketPath, token }), current });
}

/** What a person sees first. The password is shown to a person only, never in what may become a log. */
export function readyText(
  ready: { readonly apiUrl: string; readonly socketPath: string; readonly dataDirectory: string },
  first: First | undefined,
  { binDirectory, toPerson }: { readonly binDirectory: string | undefined; readonly toPerson: boolean },
): string {
  const lines = [
    "Skerry is up.",
    `  API     ${escapeText(ready.apiUrl)}`,
    `  Socket  ${escapeText(ready.socketPath)}`,
    `  Data    ${escapeText(ready.dataDirectory)}`,
  ];
  if (first !== undefined) {
    const program = binDirectory === undefined ? "skerry" : "npx skerry";
    const password = toPerson ? `${first.password}   (also in ${first.passwordFile})` : `in ${first.passwordFile}`;
    lines.push(`  First user ${escapeText(first.userName)}, password ${escapeText(password)}`);
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
