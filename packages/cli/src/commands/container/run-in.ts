/** A command in a container, tied to this terminal. */
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import type { Terminal as Remote } from "@skerry/core/contract/client/terminal.ts";
import { plainText } from "../../output/escape.ts";
import { type Terminal, writeAll } from "../../output/terminal.ts";
import type { Invocation } from "../command.ts";

/** As docker and env have it: the command could not be run. */
export const EXEC_FAILURE_STATUS = 125;

export interface RunIn {
  readonly name: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly takesInput: boolean;
  /** Control characters reach a terminal that did not ask for one of its own. */
  readonly raw: boolean;
}

/** Resolves with the command's exit status. The terminal is as before then, whatever happened. */
export async function runIn(invocation: Invocation, { name, command, tty, takesInput, raw }: RunIn): Promise<number> {
  const { terminal, signal } = invocation;
  const client = await invocation.client();
  const project = await invocation.project();
  const { columns, rows } = terminal.stdout;
  using remote = await client.terminal(containerRoutes.exec, {
    params: { name },
    query: {
      command: JSON.stringify(command),
      ...(project === undefined ? {} : { project }),
      ...(tty ? { tty: "1" as const } : {}),
      ...(tty && columns !== undefined && rows !== undefined ? { columns, rows } : {}),
    },
    signal,
  });
  using _raw = tty ? rawMode(terminal) : undefined;
  using _size = tty ? followSize(terminal, remote) : undefined;
  if (takesInput) void pumpInput(terminal, remote);
  else remote.endInput();
  const escapes = { stdout: escaping(terminal.stdout, tty || raw), stderr: escaping(terminal.stderr, raw) };
  for await (const { stream, bytes } of remote.output) await writeAll(terminal[stream], escapes[stream](bytes));
  signal.throwIfAborted();
  return await remote.exitCode;
}

/** Each key at once, and none acts here. */
function rawMode({ stdin }: Terminal): Disposable | undefined {
  if (!stdin.isTTY || stdin.setRawMode === undefined) return undefined;
  const restore = () => void stdin.setRawMode?.(false);
  // Also when a signal ends the process before this is disposed.
  process.once("exit", restore);
  stdin.setRawMode(true);
  return {
    [Symbol.dispose]() {
      process.off("exit", restore);
      restore();
    },
  };
}

function followSize({ stdout }: Terminal, remote: Remote): Disposable {
  const tell = () => {
    if (stdout.columns !== undefined && stdout.rows !== undefined) remote.resize(stdout.columns, stdout.rows);
  };
  stdout.on("resize", tell);
  return { [Symbol.dispose]: () => void stdout.off("resize", tell) };
}

async function pumpInput({ stdin }: Terminal, remote: Remote): Promise<void> {
  try {
    for await (const part of stdin) await remote.write(part as Uint8Array);
  } catch {
    // What cannot be read is at its end.
  }
  remote.endInput();
}

/** Bytes for a file or a pipe, harmless text for a terminal. */
function escaping(stream: Terminal["stdout"], raw: boolean): (bytes: Uint8Array) => string | Uint8Array {
  if (raw || !stream.isTTY) return (bytes) => bytes;
  const decoder = new TextDecoder();
  return (bytes) => plainText(decoder.decode(bytes, { stream: true }));
}
