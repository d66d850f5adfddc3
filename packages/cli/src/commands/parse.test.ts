import assert from "node:assert/strict";
import { test } from "node:test";
import { defineCommand } from "./command.ts";
import { parseCommand } from "./parse.ts";
import { resolveCommand } from "./resolve.ts";
import { closest } from "./suggest.ts";
import { ENTRIES } from "./table.ts";

const command = defineCommand({
  usage: "NAME...",
  args: [1, 3],
  options: {
    file: { type: "string", alias: "f", describe: "A file" },
    label: { type: "array", describe: "A label" },
    long: { type: "boolean", alias: "l", describe: "Long" },
    recursive: { type: "boolean", alias: "r", describe: "All" },
  },
  example: "x y",
  run: async () => undefined,
});
const parse = async (...argv: string[]) => {
  const { args, flags, globals } = parseCommand("x y", command as never, argv);
  return { args, flags: flags as unknown as Record<string, unknown>, globals };
};

test("flags anywhere, in both spellings, and arguments as they are", async () => {
  const { args, flags, globals } = await parse(
    "007",
    "-lr",
    "--file=a=b",
    "-",
    "--label",
    "a=1",
    "--label=b=2",
    "-o",
    "json",
  );
  assert.deepEqual(args, ["007", "-"]);
  assert.deepEqual(
    [flags["file"], flags["label"], flags["long"], flags["recursive"]],
    ["a=b", ["a=1", "b=2"], true, true],
  );
  assert.equal(globals.output, "json");
  assert.deepEqual((await parse("a", "--", "-x", "--file")).args, ["a", "-x", "--file"]);
  assert.equal((await parse("a", "-f", "-")).flags["file"], "-");
  assert.equal((await parse("a")).globals.quiet, false);
});

test("a command that is passed on begins with the first word that is no flag of ours; what is behind it is its own", async () => {
  const passes = { ...command, args: [1, 99], commandAfter: 1 } as never;
  const cases: [argv: string[], args: string[], file?: string][] = [
    [
      ["web", "sh", "-c", "echo hi"],
      ["web", "sh", "-c", "echo hi"],
    ],
    [["web", "--file", "x", "httpd", "-f", "-l", "--unknown"], ["web", "httpd", "-f", "-l", "--unknown"], "x"],
    [["--file=x", "-r", "web"], ["web"], "x"],
    [["-f", "x", "web", "git", "log", "--", "a"], ["web", "git", "log", "--", "a"], "x"],
    [["web", "-f", "-", "-", "-h"], ["web", "-", "-h"], "-"],
    [["web", "-f", "x", "--", "-l", "--", "y"], ["web", "-l", "--", "y"], "x"],
    [
      ["web", "ls", "-h", "-o"],
      ["web", "ls", "-h", "-o"],
    ],
  ];
  for (const [argv, args, file] of cases) {
    const parsed = parseCommand("x", passes, argv);
    assert.deepEqual(parsed.args, args, argv.join(" "));
    assert.equal((parsed.flags as Record<string, unknown>)["file"], file, argv.join(" "));
    assert.equal(parsed.globals.help, false);
  }
  for (const argv of [
    ["web", "--fil", "ls"],
    ["-x", "web", "ls"],
  ])
    assert.throws(() => parseCommand("x", passes, argv), { message: /There is no flag/ });
});

test("what is not understood is refused, never guessed", async () => {
  const cases: [argv: string[], says: RegExp][] = [
    [["a", "--fil", "x"], /no flag --fil /],
    [["a", "-x"], /no flag -x/],
    [["a", "-lx"], /no flag -lx/],
    [["a", "--file"], /--file needs a value/],
    [["a", "--file", "--long"], /--file needs a value/],
    [["a", "-f", "x", "-f", "y"], /--file is there more than once/],
    [["a", "-o", "xml"], /--output is one of/],
    [[], /Something is missing/],
    [["a", "b", "c", "d"], /"d" is one argument too many/],
    [["a", "--no-long"], /no flag --no-long/],
  ];
  for (const [argv, says] of cases)
    await assert.rejects(parse(...argv), { code: "invalid", message: says }, argv.join(" "));
});

test("global flags may stand before the command", () => {
  const resolved = resolveCommand(ENTRIES, ["--context", "bucket", "-q", "user", "ls", "--labels", "a"]);
  assert.ok(resolved.kind === "command");
  assert.equal(resolved.entry.words, "user ls");
  assert.deepEqual(resolved.rest, ["--context", "bucket", "-q", "--labels", "a"]);
  assert.deepEqual(resolveCommand(ENTRIES, ["help", "bucket"]), { kind: "group", group: "bucket", asked: true });
  assert.throws(() => resolveCommand(ENTRIES, ["--verison"]), { hint: /--version/ });
});

test("suggestions: near words, swapped letters, habits of other tools, and no nonsense", () => {
  const words = ["bucket", "user", "token", "ls", "rm", "status", "storage"];
  const cases: [word: string, near: string | undefined][] = [
    ["buckt", "bucket"],
    ["bukcet", "bucket"],
    ["usr", "user"],
    ["list", "ls"],
    ["delete", "rm"],
    ["sl", "ls"],
    ["stat", "status"],
    ["stor", "storage"],
    ["kubernetes", undefined],
    ["x", undefined],
    ["constructor", undefined],
  ];
  for (const [word, near] of cases) assert.equal(closest(word, words), near, word);
});
