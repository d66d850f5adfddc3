import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { ROLES } from "@skerry/core/contract/lists.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    role: { type: "string", choices: ROLES, describe: "In the cloud: admin, operator, member or viewer" },
    disable: { type: "boolean", describe: "No login, no token of this user works any more" },
    enable: { type: "boolean", describe: "Undo --disable" },
    ...LABEL_CHANGE_OPTION,
  },
  example: "user update alice --role operator",
  async run(invocation, { args, flags }) {
    const { role, disable, enable, label } = flags;
    if (disable && enable) throw new SkerryError("invalid", "--disable and --enable exclude each other.");
    const spec = {
      ...(role === undefined ? {} : { role }),
      ...(disable || enable ? { disabled: disable } : {}),
    };
    if (Object.keys(spec).length === 0 && label.length === 0) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --role, --disable, --enable or --label; skerry user passwd changes a password.",
      });
    }
    const client = await invocation.client();
    const params = { name: args[0] ?? "" };
    const { signal } = invocation;
    const before = label.length === 0 ? undefined : await client.call(userRoutes.get, { params, signal });
    const user = await client.call(userRoutes.update, {
      params,
      body: {
        spec,
        ...(before === undefined
          ? {}
          : { labels: changeLabels(before.meta.labels, label), revision: before.meta.revision }),
      },
      signal,
    });
    await invocation.output.done("user", user.meta.name, "updated", user);
  },
});
