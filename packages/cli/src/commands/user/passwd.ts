import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { askNewPassword, askPassword } from "../../prompts/ask.ts";
import { readSecretFile } from "../../prompts/secret-file.ts";
import { defineCommand } from "../command.ts";

const { minPasswordLength } = LIMITS.auth;
const PASSWORD_RULE = `A password has at least ${minPasswordLength} characters and is not the name of the user.`;

export default defineCommand({
  usage: "[NAME]",
  args: [0, 1],
  options: {
    "password-file": { type: "string", describe: "New password: in this file, - for standard input" },
    "current-password-file": { type: "string", describe: "Present password (needed for your own): in this file" },
  },
  example: "user passwd",
  details: `Without NAME your own. ${PASSWORD_RULE} Other sessions of the user end.`,
  async run(invocation, { args, flags }) {
    const { terminal, signal, output } = invocation;
    const client = await invocation.client();
    const { userName } = await client.call(sessionRoutes.whoami, { signal });
    const name = args[0] ?? userName;
    const file = (path: string, flag: string) => readSecretFile(path, flag, terminal.stdin);
    const currentFile = flags["current-password-file"];
    const newFile = flags["password-file"];
    let current: string | undefined;
    if (currentFile !== undefined) current = await file(currentFile, "--current-password-file");
    else if (name === userName) current = await askPassword(terminal, "Present password", "--current-password-file");
    if (newFile === undefined) output.note(PASSWORD_RULE);
    const password =
      newFile === undefined
        ? await askNewPassword(terminal, "--password-file")
        : await file(newFile, "--password-file");
    await client.call(userRoutes.password, {
      params: { name },
      body: { password, ...(current === undefined ? {} : { current }) },
      signal,
    });
    await output.done("user", name, "has a new password");
  },
});
