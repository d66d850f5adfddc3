/** The real shells, in a real terminal: keys are typed, the line is read from the screen. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { can } from "../testing/canned.ts";
import { FakeCloud } from "../testing/fake-cloud.ts";
import { Cli } from "../testing/run-cli.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/skerry");
const DEADLINE_MS = 60_000;
/** Several times what a completion may take. */
const PATIENCE_MS = 8_000;

const SHELLS = [
  { shell: "bash", start: "bash --norc --noprofile", read: "source <(skerry completion bash)" },
  { shell: "zsh", start: "zsh -f", read: "source <(skerry completion zsh)" },
  { shell: "fish", start: "fish -N", read: "skerry completion fish | source" },
];
/** What is typed before the tab, and the line that comes of it. */
const LINES: readonly (readonly [typed: string, line: string])[] = [
  ["skerry buck", "skerry bucket "],
  ["skerry bucket get ph", "skerry bucket get photos "],
  ["skerry ls pho", "skerry ls photos:"],
  ["skerry cp photos:2026/my", "skerry cp photos:2026/my\\ film.raw "],
  ["skerry cp 'photos:2026/my", "skerry cp 'photos:2026/my film.raw'"],
  ["skerry bucket create x --vis", "skerry bucket create x --visibility "],
  ["skerry bucket create x --visibility=pub", "skerry bucket create x --visibility=public "],
];

for (const { shell, start, read } of SHELLS) {
  test(`${shell} completes what is typed`, async () => {
    await using cloud = await FakeCloud.start();
    await using cli = await Cli.create(cloud.socketPath);
    can(cloud);
    cloud.put("photos:2026/my film.raw", "x");
    await mkdir(cli.path("bin"));
    await symlink(PROGRAM, cli.path("bin", "skerry"));
    await using screen = openScreen(cli, start);
    screen.type(`${read}; echo rea''dy\n`);
    await screen.until((text) => text.includes("\nready"));
    for (const [typed, line] of LINES) await completes(screen, typed, line);
  });
}

/** On a machine that is busy a question may come to nothing in its second: then it is asked again. */
async function completes(screen: Screen, typed: string, line: string): Promise<void> {
  // A space at the end is not seen on the screen; the letter behind it is. Bash puts none behind a quote that it closes.
  const marked = [`${line}@`, ...(line.endsWith("'") ? [`${line} @`] : [])];
  const isMarked = (text: string) => marked.some((one) => text.includes(one));
  for (const deadline = Date.now() + DEADLINE_MS; ; ) {
    screen.type(typed);
    await screen.until((text) => text.includes(typed));
    screen.key("Tab");
    const came = await screen.sees(
      (text) => text.includes(line.trimEnd()) && !text.trimEnd().endsWith(typed),
      PATIENCE_MS,
    );
    if (came) screen.type("@");
    const right = came && (await screen.sees(isMarked, PATIENCE_MS));
    if (!right) assert.ok(Date.now() < deadline, `${JSON.stringify(typed)} comes to: ${screen.text()}`);
    // Not Ctrl-C: what is typed right after it may be thrown away.
    screen.key("C-u");
    screen.key("C-l");
    await screen.until((text) => !text.includes(typed));
    if (right) return;
  }
}

type Screen = ReturnType<typeof openScreen>;

function openScreen(cli: Cli, start: string) {
  const { PATH } = process.env;
  const env = { ...cli.env, PATH: `${cli.path("bin")}:${PATH}`, TERM: "xterm", LC_ALL: "C.UTF-8" };
  const tmux = (...argv: string[]) =>
    execFileSync("tmux", ["-S", cli.path("tmux"), "-f", "/dev/null", ...argv], {
      env,
      encoding: "utf8",
      cwd: cli.directory,
    });
  tmux("new-session", "-d", "-x", "120", "-y", "30", start);
  const pid = Number(tmux("display-message", "-p", "#{pane_pid}"));
  const text = () => tmux("capture-pane", "-p", "-J");
  const sees = async (holds: (text: string) => boolean, patienceMs: number) => {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; ) {
      if (holds(text())) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  };
  return {
    type: (text: string) => tmux("send-keys", "-l", text),
    key: (name: string) => tmux("send-keys", name),
    text,
    sees,
    async until(holds: (text: string) => boolean) {
      assert.ok(await sees(holds, DEADLINE_MS), `it does not come:\n${text()}`);
    },
    /** The shell may write its history when it is told to end: its home is removed after that. */
    async [Symbol.asyncDispose]() {
      tmux("kill-server");
      for (const deadline = Date.now() + DEADLINE_MS; isAlive(pid) && Date.now() < deadline; ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
