/** A real terminal for journeys: tmux, with a server of its own that ends with it. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const DEADLINE_MS = 30_000;
const EVERY_MS = 50;
const PANE = "screen:0.0";

export interface TmuxOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string>>;
  /** Runs in a shell; what it prints, and the prompt of the shell after it, stay on the screen. */
  readonly command: string;
}

export class Tmux implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start({ columns, rows, env, command }: TmuxOptions): Promise<Tmux> {
    const tmux = new Tmux(await mkdtemp(join(tmpdir(), "skerry-tmux-")));
    const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    // Programs draw otherwise where CI is set: this is about what a person sees.
    const shell = `unset CI; echo before; ${command}; echo "left with $?"; exec sh`;
    await tmux.#tmux("-f", "/dev/null", "new-session", "-d", "-s", "screen", ...size, ...variables, "sh", "-c", shell);
    return tmux;
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await run("tmux", ["-u", "-S", join(this.#directory, "socket"), ...args]);
    return stdout;
  }

  /** Keys by tmux's names (`Enter`, `C-c`, `PPage`), each by itself. */
  async keys(...names: string[]): Promise<void> {
    for (const name of names) await this.#tmux("send-keys", "-t", PANE, name);
  }

  /** Text in one burst, as from a paste. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-t", PANE, "-l", "--", text);
  }

  /** What is seen, a string a row. `styled`: with the escape sequences of colours. */
  async screen(styled = false): Promise<string[]> {
    const text = await this.#tmux("capture-pane", "-p", ...(styled ? ["-e"] : []), "-t", PANE);
    return text.split("\n").slice(0, -1);
  }

  /** From now on what the program writes goes into a file, too. */
  record(path: string): Promise<string> {
    return this.#tmux("pipe-pane", "-t", PANE, `exec cat >${path}`);
  }

  resize(columns: number, rows: number): Promise<string> {
    return this.#tmux("resize-window", "-t", PANE, "-x", `${columns}`, "-y", `${rows}`);
  }

  /** A format of tmux: `#{alternate_on}`, `#{pane_pid}`. */
  async ask(format: string): Promise<string> {
    return (await this.#tmux("display-message", "-p", "-t", PANE, format)).trim();
  }

  /** Waits until the screen is so and stays so for a moment, and gives it. @throws with what was seen instead. */
  until(what: string, holds: (text: string) => boolean): Promise<string[]> {
    // A program writes a screen in parts, and what is seen may be between two of them.
    return this.#wait(what, (rows, before) => holds(rows.join("\n")) && rows.join("\n") === before.join("\n"));
  }

  /** Waits until it has been so, on a screen that changes all the time. */
  passing(what: string, holds: (text: string) => boolean): Promise<string[]> {
    return this.#wait(what, (rows) => holds(rows.join("\n")));
  }

  async #wait(what: string, holds: (rows: string[], before: string[]) => boolean): Promise<string[]> {
    const deadline = performance.now() + DEADLINE_MS;
    for (let before: string[] = []; ; ) {
      const rows = await this.screen();
      if (holds(rows, before)) return rows;
      if (performance.now() > deadline) throw new Error(`never seen: ${what}\n${rows.join("\n")}`);
      before = rows;
      await sleep(EVERY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
