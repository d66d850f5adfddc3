import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { defineCommand } from "../command.ts";
import { callsAbout } from "../named.ts";
import { assertRouteName } from "./name.ts";

export default defineCommand({
  usage: "NAME [PATH]",
  args: [1, 2],
  options: {},
  example: "route purge app-example-com '/news/*'",
  details:
    "What the gateway keeps of the route's answers (--cache) goes, in all workers, before this returns: all of it, that of one path " +
    "with all its queries, or with a * at the end of all paths that begin so.",
  takesProject: true,
  async run(invocation, { args }) {
    const [name = "", path] = args;
    assertRouteName(name);
    const { client, named } = await callsAbout(invocation, name);
    await client.call(routeRoutes.purge, {
      ...named,
      body: path === undefined ? {} : { path },
    });
    await invocation.output.done("route", name, "purged", { name, ...(path === undefined ? {} : { path }) });
  },
});
