import { escapeText } from "../../output/escape.ts";
import { readSecretFile } from "../../prompts/secret-file.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    data: { type: "string", describe: "Data directory of the stopped daemon (also the variable SKERRY_DATA)" },
    "password-file": { type: "string", describe: "New password: in this file, - for standard input" },
  },
  example: "user reset-password admin --data /var/lib/skerry",
  details:
    "Works without a login, on the data directory of a daemon that does not run. Without --password-file a password is made, and shown this once on stdout. Sessions and tokens of the user end.",
  async run({ terminal, output }, { args, flags }) {
    const name = args[0] ?? "";
    const file = flags["password-file"];
    const password = file === undefined ? undefined : await readSecretFile(file, "--password-file", terminal.stdin);
    const { resetPasswordOffline } = await import("@skerry/daemon/main.ts");
    const made = await resetPasswordOffline({
      argv: flags.data === undefined ? [] : ["--data", flags.data],
      env: terminal.env,
      name,
      ...(password === undefined ? {} : { password }),
    });
    if (password !== undefined) return output.done("user", name, "has a new password");
    if (output.format !== "table")
      return output.done("user", name, "has a new password", { kind: "user", name, ...made });
    output.note(`user/${name} has a new password, shown only now:`);
    await output.text(`${escapeText(made.password)}\n`);
  },
});
