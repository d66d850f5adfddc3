import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { readContexts, withContext, writeContexts } from "../context/contexts.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "logout",
  details: "Ends the session in the cloud and forgets its token here. A token of `skerry token` is only forgotten.",
  async run(invocation) {
    const { terminal, signal, output } = invocation;
    const { client, context } = await invocation.connection();
    const { name } = context;
    if (name === undefined || context.token === undefined) {
      throw new SkerryError("invalid", "The context has no token: nobody is logged in.");
    }
    try {
      const { credential } = await client.call(sessionRoutes.whoami, { signal });
      if (credential?.kind === "session") {
        await client.call(sessionRoutes.delete, { params: { uid: "current" }, signal });
      } else if (credential !== undefined) {
        output.note(`The token ${credential.name} still works; skerry token rm takes it away.`);
      }
    } catch (thrown) {
      const error = toSkerryError(thrown);
      // A session that has ended already is what was wanted.
      if (error.code !== "unauthenticated") throw error;
    }
    const { token: _, ...kept } = context;
    await writeContexts(terminal.env, withContext(await readContexts(terminal.env), { ...kept, name }));
    await output.done("context", name, "is logged out");
  },
});
