import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { defineCommand } from "../command.ts";

export default defineCommand({
  usage: "",
  args: [0, 0],
  options: {},
  example: "route ticket > ticket; curl -iH @ticket https://app.example.com/",
  details:
    "A header line, good for ten minutes. Sent with a request, the gateway's answer says in X-Skerry-Route which route of the project " +
    "has decided, and by which rule. It goes no further than the gateway. Whoever has it may see that.",
  takesProject: true,
  async run(invocation) {
    const client = await invocation.client();
    const project = await invocation.project();
    const { header, ticket, expiresAt } = await client.call(routeRoutes.ticket, {
      body: project === undefined ? {} : { project },
      signal: invocation.signal,
    });
    await invocation.output.value({ header, ticket, expiresAt }, ticket, () => `${header}: ${ticket}\n`);
  },
});
