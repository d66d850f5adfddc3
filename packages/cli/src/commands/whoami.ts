import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { describeTarget } from "../context/contexts.ts";
import { formatFacts } from "../output/facts.ts";
import { defineCommand } from "./command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "whoami",
  async run(invocation) {
    const { output, signal } = invocation;
    const { client, context } = await invocation.connection();
    const principal = await client.call(sessionRoutes.whoami, { signal });
    const { credential } = principal;
    await output.value(principal, principal.userName, () =>
      formatFacts([
        ["User", principal.userName],
        ["Role", principal.role],
        ["With", credential === undefined ? "-" : `${credential.kind} ${credential.name}`],
        ["Context", `${context.name ?? "none"} (${describeTarget(context)})`],
      ]),
    );
  },
});
