/** Every command that the pages for people name is there, with its flags. What stands in blocks is run by the tour besides. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SETTINGS } from "@skerry/daemon/config/settings.ts";
import { GLOBAL_OPTIONS, type OptionSpecs } from "./command.ts";
import { resolveCommand } from "./resolve.ts";
import { ENTRIES } from "./table.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const PAGES = ["README.md", "ARCHITECTURE.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];
/** Flags that are read by the daemon's own program. */
const DAEMON_FLAGS = [...Object.values(SETTINGS).map(({ flag }) => flag), "config", "print-config", "help"];

/** `skerry ...` in code, in a line of a block or in a sentence; without what is piped on. */
function commandsIn(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, "");
  const inline = [...prose.matchAll(/`([^`]+)`/g)].map((match) => (match[1] ?? "").replace(/\s+/g, " "));
  const lines = [...text.matchAll(/^```(?:sh|text)\n(.*?)^```$/gms)].flatMap((match) => (match[1] ?? "").split("\n"));
  const parts = [...inline, ...lines.map((line) => line.replace(/^\$ /, ""))].flatMap((line) =>
    line.split(/\||&&|\$\(|;/),
  );
  return parts
    .map((part) =>
      /^\s*(skerry .*)$/
        .exec(part)?.[1]
        ?.replace(/\s+#.*$/, "")
        .trim(),
    )
    .filter((one) => one !== undefined);
}

test("every command in README, ARCHITECTURE and docs is one, with flags that it has", async () => {
  let seen = 0;
  for (const page of PAGES) {
    for (const line of commandsIn(readFileSync(join(ROOT, page), "utf8"))) {
      const where = `${page}: ${line}`;
      const words = line
        .replaceAll(/"[^"]*"|'[^']*'/g, "QUOTED")
        .split(" ")
        .slice(1);
      const end = words.indexOf("--");
      const own = end < 0 ? words : words.slice(0, end);
      // `backup create|restore` names two.
      if (/[A-Z]/.test(own[0] ?? "") || own[0]?.includes("|")) continue;
      const resolved = resolveCommand(ENTRIES, own);
      if (resolved.kind === "group") {
        assert.ok(resolved.asked || resolved.group !== "", where);
        continue;
      }
      seen++;
      const command = await resolved.entry.load();
      const specs: OptionSpecs = { ...(command.options as OptionSpecs), ...GLOBAL_OPTIONS };
      const known = new Set([
        ...Object.entries(specs).flatMap(([name, { alias }]) => [
          `--${name}`,
          ...(alias === undefined ? [] : [`-${alias}`]),
        ]),
        ...(resolved.entry.words === "up" ? DAEMON_FLAGS.map((flag) => `--${flag}`) : []),
      ]);
      for (const flag of own.filter((word) => /^-./.test(word))) {
        assert.ok(known.has(flag.replace(/=.*$/, "")), `${where}: there is no ${flag}`);
      }
    }
  }
  assert.ok(seen > 60, `${seen} commands were looked at`);
});
