/** One call of the program: find the command, read its flags, run it, say what went wrong. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import type { AnyCommand, Entry, GlobalFlags, Invocation } from "./commands/command.ts";
import { resolveCommand } from "./commands/resolve.ts";
import { ENTRIES } from "./commands/table.ts";
import type { Connection } from "./context/connect.ts";
import { Output } from "./output/output.ts";
import { Interrupted, type Terminal } from "./output/terminal.ts";
import { localError } from "./transfer/local-error.ts";

/** Resolves with the exit status; never rejects. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const own: Own = { words: ownFlags(argv) };
  try {
    const status = await dispatch(argv, terminal, own);
    return interruptedStatus(terminal.signal.reason) ?? status;
  } catch (thrown) {
    const status =
      interruptedStatus(terminal.signal.reason) ??
      interruptedStatus(thrown instanceof CommandFailure ? thrown.error : thrown);
    if (status !== undefined) return status;
    const failure = thrown instanceof CommandFailure ? thrown : undefined;
    const error = localError(failure?.error ?? thrown);
    const { formatError, formatProblem } = await import("./output/problem.ts");
    const text = asksForJson(own) ? formatProblem(error) : formatError(error, mayColor(terminal, own));
    terminal.stderr.write(text);
    return failure?.exitStatus ?? error.exitStatus;
  }
}

/** What went wrong, of a command whose status would else be taken for somebody else's. */
class CommandFailure {
  readonly error: unknown;
  readonly exitStatus: number;

  constructor(error: unknown, exitStatus: number) {
    this.error = error;
    this.exitStatus = exitStatus;
  }
}

function interruptedStatus(reason: unknown): number | undefined {
  return reason instanceof Interrupted ? reason.exitStatus : undefined;
}

async function dispatch(argv: readonly string[], terminal: Terminal, own: Own): Promise<number> {
  const resolved = resolveCommand(ENTRIES, argv);
  if (resolved.kind === "group") {
    const { groupHelp } = await import("./commands/overview.ts");
    const text = groupHelp(ENTRIES, resolved.group);
    // Asked for, it is a result; otherwise something is missing.
    (resolved.asked ? terminal.stdout : terminal.stderr).write(text);
    return resolved.asked ? 0 : new SkerryError("invalid", "").exitStatus;
  }
  const { entry, rest } = resolved;
  const command = await entry.load();
  if ("passThrough" in command) return command.passThrough(terminal, rest, ENTRIES);
  return invoke(entry, command, rest, terminal, own);
}

async function invoke(
  entry: Entry,
  command: AnyCommand,
  rest: readonly string[],
  terminal: Terminal,
  own: Own,
): Promise<number> {
  try {
    return await invokeParsed(entry, command, rest, terminal, own);
  } catch (error) {
    const { failureStatus } = command;
    throw failureStatus === undefined ? error : new CommandFailure(error, failureStatus);
  }
}

async function invokeParsed(
  entry: Entry,
  command: AnyCommand,
  rest: readonly string[],
  terminal: Terminal,
  own: Own,
): Promise<number> {
  const { ownWords, parseCommand } = await import("./commands/parse.ts");
  own.words = ownWords(rest, command);
  const parsed = parseCommand(entry.words, command, rest);
  if (parsed.globals.help) {
    const { commandHelp } = await import("./commands/help.ts");
    const text = await commandHelp(entry.words, entry.summary, command, terminal.stdout.columns ?? 80);
    terminal.stdout.write(`${text}\n`);
    return 0;
  }
  const { args, flags } = parsed;
  assertProject(entry, command, parsed.globals);
  const color = terminal.stdout.isTTY === true && !parsed.globals["no-color"] && !terminal.env["NO_COLOR"];
  const output = new Output(terminal, {
    format: parsed.globals.output ?? "table",
    quiet: parsed.globals.quiet,
    color,
  });
  const connected: Connected = {};
  try {
    const invocation = makeInvocation(terminal, output, parsed.globals, connected);
    return (await command.run(invocation, { args, flags: flags as never })) ?? 0;
  } catch (error) {
    if (!(error instanceof SkerryError)) throw error;
    const { rewordAnswer } = await import("./output/reword.ts");
    throw rewordAnswer(error, connected.connection?.tokenSource);
  }
}

/** The connection, once there is one: what goes wrong may be about its token. */
interface Connected {
  connection?: Connection;
}

/** What says nothing to a command must not look as if it did. @throws `invalid` */
function assertProject({ words }: Entry, { takesProject }: AnyCommand, { project }: GlobalFlags): void {
  if (project === undefined || takesProject === true) return;
  throw new SkerryError(
    "invalid",
    `--project says nothing to skerry ${words}: what it is about is in no project, or found by its name alone.`,
    {
      hint: "Leave it out.",
    },
  );
}

function makeInvocation(terminal: Terminal, output: Output, globals: GlobalFlags, connected: Connected): Invocation {
  let connecting: Promise<Connection> | undefined;
  const connection = () => {
    connecting ??= import("./context/connect.ts").then(async ({ connect }) => {
      connected.connection = await connect({
        env: terminal.env,
        context: globals.context,
        tokenFile: globals["token-file"],
        stdin: terminal.stdin,
      });
      return connected.connection;
    });
    return connecting;
  };
  return {
    terminal,
    output,
    globals,
    signal: terminal.signal,
    connection,
    client: async () => (await connection()).client,
    project: async () => globals.project ?? (await connection()).context.project,
  };
}

/** What of the line is for us: the rest is for a command in a container. */
interface Own {
  words: readonly string[];
}

/** Before the flags are read, since reading them may be what fails. */
function asksForJson({ words }: Own): boolean {
  return words.some(
    (token, i) => /^(-o=?|--output=)json$/.test(token) || (/^(-o|--output)$/.test(token) && words[i + 1] === "json"),
  );
}

function mayColor({ stderr, env }: Terminal, { words }: Own): boolean {
  return stderr.isTTY === true && !env["NO_COLOR"] && !words.includes("--no-color");
}

/** What stands behind `--` is for somebody else. */
function ownFlags(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end < 0 ? argv : argv.slice(0, end);
}
