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
    using screen = openScreen(cli, start);
    screen.type(`${read}; echo rea''dy\n`);
    await screen.until((text) => text.includes("\nready"));
    for (const [typed, line] of LINES) {
      screen.type(typed);
      await screen.until((text) => text.includes(typed));
      screen.key("Tab");
      // A space at the end is not seen on the screen; the letter behind it is.
      const marked = [`${line}@`, ...(line.endsWith("'") ? [`${line} @`] : [])];
      await screen.until((text) => text.includes(line.trimEnd()) && !text.trimEnd().endsWith(typed));
      screen.type("@");
      await screen.until((text) => marked.some((one) => text.includes(one)));
      // Not with C-c: the terminal would throw away what is typed meanwhile.
      screen.key("C-u");
      screen.type("clear\n");
      await screen.until((text) => !text.includes(line));
    }
  });
}

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
  return {
    type: (text: string) => tmux("send-keys", "-l", text),
    key: (name: string) => tmux("send-keys", name),
    async until(holds: (text: string) => boolean) {
      const deadline = Date.now() + DEADLINE_MS;
      for (;;) {
        const text = tmux("capture-pane", "-p", "-J");
        if (holds(text)) return;
        assert.ok(Date.now() < deadline, `it does not come:\n${text}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    [Symbol.dispose]: () => void tmux("kill-server"),
  };
}
