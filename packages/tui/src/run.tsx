/** `skerry ui`: from a terminal to the app, and the terminal back as it was, however it ends. */
import { setImmediate as immediate } from "node:timers/promises";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { toSkerryError } from "@skerry/core/contract/errors.ts";
import { render } from "ink";
import { App } from "./app/app.ts";
import { AppScreen } from "./app/screen.tsx";
import { ROOT_SCREENS } from "./screens/all.ts";
import type { Screen } from "./screens/screen.ts";

export interface TuiOptions {
  readonly client: Client;
  /** Name of the context that the client talks to. */
  readonly context: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly color: boolean;
  /** The wall clock, for ages. */
  readonly nowMs: () => number;
  /** Runs a command of the CLI on this terminal, and gives its status. It ends when the signal aborts. */
  readonly runCommand: (words: readonly string[]) => Promise<number>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Default: those of the product. */
  readonly screens?: readonly Screen[];
}

const MAX_FPS = 20;

/** Resolves when the user leaves, or the signal aborts. @throws `internal` when the app breaks; the terminal is restored. */
export async function runTui(options: TuiOptions): Promise<void> {
  const { client, context, stdin, stdout, color, nowMs, signal, screens = ROOT_SCREENS } = options;
  const ended = Promise.withResolvers<void>();
  using app = new App({ client, context, nowMs, screens, quit: () => ended.resolve() });
  let command: Promise<number> | undefined;
  const runCommand = async (words: readonly string[]) => {
    await letGo(stdin);
    command = options.runCommand(words);
    return command;
  };
  const instance = render(<AppScreen app={app} color={color} runCommand={runCommand} />, {
    stdin,
    stdout,
    exitOnCtrlC: false,
    alternateScreen: true,
    interactive: true,
    incrementalRendering: true,
    maxFps: MAX_FPS,
  });
  const quit = () => ended.resolve();
  const crash = (error: unknown) => ended.reject(error);
  signal.addEventListener("abort", quit, { once: true });
  process.on("uncaughtException", crash).on("unhandledRejection", crash);
  try {
    if (!signal.aborted) await Promise.race([ended.promise, instance.waitUntilExit()]);
  } catch (error) {
    throw toSkerryError(error);
  } finally {
    // It has the terminal, and ends with the signal, too.
    await command?.catch(() => undefined);
    instance.unmount();
    await instance.waitUntilExit().catch(() => undefined);
    process.off("uncaughtException", crash).off("unhandledRejection", crash);
    signal.removeEventListener("abort", quit);
  }
}

/** Else this process and the command would each read some of what is typed: Ink leaves a read under way. */
async function letGo(stdin: NodeJS.ReadStream): Promise<void> {
  await immediate();
  stdin.pause();
  await immediate();
}
