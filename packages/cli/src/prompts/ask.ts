/** Questions to a person: only when one sits there, on stderr, so that stdout holds results alone. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { escapeText } from "../output/escape.ts";
import { Interrupted, type Terminal } from "../output/terminal.ts";

const INTERRUPT = "\u0003";
const END = "\u0004";
const BACKSPACE = new Set(["\u007f", "\b"]);
const KILL_LINE = "\u0015";

/** True when there is somebody to ask. */
function canAsk({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** A password that is not shown. `flag` is what a script uses instead. @throws `invalid` without a terminal. */
export async function askPassword(terminal: Terminal, question: string, flag: string): Promise<string> {
  if (!canAsk(terminal)) {
    throw new SkerryError("invalid", "A password is needed, and there is no terminal to ask for it.", {
      hint: `Give it with ${flag} FILE (- for standard input).`,
    });
  }
  const password = await readKeys(terminal, `${question}: `, false);
  if (password === "") throw new SkerryError("invalid", "No password was given.");
  return password;
}

/** The same, asked twice. */
export async function askNewPassword(terminal: Terminal, flag: string): Promise<string> {
  const password = await askPassword(terminal, "New password", flag);
  if ((await askPassword(terminal, "Again", flag)) === password) return password;
  throw new SkerryError("invalid", "The two passwords are not the same.");
}

/** A line of text. @throws `invalid` without a terminal. */
export async function askLine(terminal: Terminal, question: string, flag: string): Promise<string> {
  if (!canAsk(terminal)) {
    throw new SkerryError("invalid", `${question} is needed, and there is no terminal to ask for it.`, {
      hint: `Give it with ${flag}.`,
    });
  }
  return readKeys(terminal, `${question}: `, true);
}

/** Yes or an error. `yes` is `--yes`. @throws `invalid` without a terminal, or for any other answer. */
export async function confirm(terminal: Terminal, question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!canAsk(terminal)) {
    throw new SkerryError("invalid", `${question} There is no terminal to ask on.`, { hint: "Say --yes to go on." });
  }
  const answer = await readKeys(terminal, `${question} [y/N] `, true);
  if (!/^y(es)?$/i.test(answer.trim())) throw new SkerryError("invalid", "Nothing was done: you did not say yes.");
}

/** The same for what names exactly what it removes: asked of a person only, and a script goes on. @throws `invalid`. */
export async function confirmAtTerminal(terminal: Terminal, question: string, yes: boolean): Promise<void> {
  if (canAsk(terminal)) await confirm(terminal, question, yes);
}

async function readKeys({ stdin, stderr, signal }: Terminal, prompt: string, echo: boolean): Promise<string> {
  stderr.write(escapeText(prompt));
  stdin.setRawMode?.(true);
  stdin.setEncoding("utf8");
  let text = "";
  const takeKey = (key: string): "more" | "done" => {
    if (key === INTERRUPT) throw new Interrupted("SIGINT");
    if (key === "\r" || key === "\n" || key === END) return "done";
    if (BACKSPACE.has(key)) {
      if (echo && text !== "") stderr.write("\b \b");
      text = Array.from(text).slice(0, -1).join("");
    } else if (key === KILL_LINE) {
      if (echo) stderr.write("\b \b".repeat(Array.from(text).length));
      text = "";
    } else if (key >= " " && text.length < LIMITS.cli.maxSecretFileBytes) {
      text += key;
      if (echo) stderr.write(escapeText(key));
    }
    return "more";
  };
  try {
    return await new Promise<string>((resolve, reject) => {
      const finish = (settle: () => void) => {
        stdin.off("data", onData).off("end", onEnd);
        signal.removeEventListener("abort", onAbort);
        stdin.pause();
        settle();
      };
      const onAbort = () => finish(() => reject(signal.reason));
      const onEnd = () => finish(() => resolve(text));
      const onData = (keys: string) => {
        try {
          // A burst of keys, or a paste, arrives as one string. What stands behind the line's end is lost, as it should.
          for (const key of keys) if (takeKey(key) === "done") return finish(() => resolve(text));
        } catch (error) {
          finish(() => reject(error));
        }
      };
      stdin.on("data", onData).on("end", onEnd);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      stdin.resume();
    });
  } finally {
    stdin.setRawMode?.(false);
    stderr.write("\n");
  }
}
