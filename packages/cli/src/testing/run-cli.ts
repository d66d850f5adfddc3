/** Runs the CLI in this process, with streams that remember. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { writeContexts } from "../context/contexts.ts";
import { Interrupted, type Terminal } from "../output/terminal.ts";
import { run } from "../run.ts";

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** A person sits there; what they type is `stdin`. */
  readonly tty?: { readonly columns: number };
  readonly signal?: AbortSignal;
}

/** 2026-08-02 12:00 UTC, for ages. */
const NOW_MS = Date.parse("2026-08-02T12:00:00Z");

export class Cli implements AsyncDisposable {
  /** A directory of the test's own. */
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** With a context that points to the socket. */
  static async create(socketPath?: string): Promise<Cli> {
    const cli = new Cli(await mkdtemp(join(tmpdir(), "skerry-cli-")));
    if (socketPath !== undefined) {
      const contexts = [{ name: "test", socketPath, user: "alice", token: "sky_test_secret" }];
      await writeContexts(cli.env, { current: "test", contexts });
    }
    return cli;
  }

  get env(): Record<string, string> {
    return { SKERRY_CONFIG_DIR: join(this.directory, "config"), HOME: this.directory };
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  async run(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const collect = () =>
      Object.assign(new PassThrough(), options.tty === undefined ? {} : { isTTY: true, ...options.tty });
    const [stdout, stderr] = [collect(), collect()];
    const texts = Promise.all([readAll(stdout), readAll(stderr)]);
    const stdin =
      options.tty === undefined
        ? Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)])
        : keyboard(options.stdin);
    const terminal: Terminal = {
      stdin,
      stdout,
      stderr,
      env: { ...this.env, ...options.env },
      nowMs: () => NOW_MS,
      signal: options.signal ?? new AbortController().signal,
      releaseSignals: () => undefined,
    };
    const status = await run(argv, terminal);
    stdout.end();
    stderr.end();
    const [out, err] = await texts;
    return { status, stdout: out, stderr: err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Keys come when they are asked for, one question after another, a line each. */
function keyboard(text: string | Buffer = ""): Terminal["stdin"] {
  const lines = text.toString().split(/(?<=\r)/);
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => raw && type() });
  const type = () => {
    const line = lines.shift();
    if (line !== undefined) setImmediate(() => stdin.write(line));
    return true;
  };
  return stdin;
}

/** Ctrl-C. */
export function interrupted(): { readonly signal: AbortSignal; press(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, press: () => controller.abort(new Interrupted("SIGINT")) };
}

async function readAll(stream: PassThrough): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
