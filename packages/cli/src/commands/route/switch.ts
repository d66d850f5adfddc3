import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { callsAbout } from "../named.ts";
import { assertRouteName } from "./name.ts";
import { tellWhereItLeads } from "./told.ts";

export default defineCommand({
  usage: "NAME (--to TARGET | --back)",
  args: [1, 1],
  options: {
    to: { type: "string", describe: "Where it leads from now on, as route update takes it" },
    back: { type: "boolean", describe: "To where it led before" },
  },
  example: "route switch app-example-com --to container/green:80",
  more: [["route switch app-example-com --back", "where it led before"]],
  details:
    "From blue to green: all at once. When this returns, all gateway workers lead there: no request that begins later reaches " +
    "the target before. Those under way come to their end. The target before is remembered; route get shows it.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { to, back } = flags;
    const [name = ""] = args;
    assertRouteName(name);
    if ((to !== undefined) === back) {
      throw new SkerryError("invalid", back ? "--to and --back exclude each other." : "Where to is missing.", {
        hint: `skerry route switch ${name} --to TARGET, or skerry route switch ${name} --back`,
      });
    }
    const { client, named } = await callsAbout(invocation, name);
    const route = await client.call(routeRoutes.switch, {
      ...named,
      body: to === undefined ? { back: true } : { to },
    });
    await invocation.output.done("route", route.meta.name, `leads to ${route.spec.to}`, route);
    await tellWhereItLeads(invocation, client, route);
  },
});
