import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { ROLES } from "@skerry/core/contract/lists.ts";
import { escapeText } from "../../output/escape.ts";
import { readSecretFile } from "../../prompts/secret-file.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    role: {
      type: "string",
      choices: ROLES,
      describe: "In the cloud: admin, operator, member (default) or viewer",
    },
    "password-file": { type: "string", describe: "First password: in this file, - for standard input" },
    ...LABEL_OPTION,
  },
  example: "user create alice",
  details: "Without --password-file a password is made, and shown this once on stdout.",
  async run(invocation, { args, flags }) {
    const { terminal, output } = invocation;
    const file = flags["password-file"];
    const password = file === undefined ? undefined : await readSecretFile(file, "--password-file", terminal.stdin);
    const client = await invocation.client();
    const answer = await client.call(userRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(flags.role === undefined ? {} : { spec: { role: flags.role } }),
        ...(flags.label.length === 0 ? {} : { labels: parseLabels(flags.label) }),
        ...(password === undefined ? {} : { password }),
      },
      signal: invocation.signal,
    });
    const { name } = answer.user.meta;
    if (answer.password === undefined || output.format !== "table") {
      await output.done("user", name, "created", answer);
      return;
    }
    output.note(`user/${name} created. The password, shown only now:`);
    await output.text(`${escapeText(answer.password)}\n`);
  },
});
