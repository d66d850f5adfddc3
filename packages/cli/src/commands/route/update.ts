import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";
import { assertRouteName } from "./name.ts";
import { tellWhereItLeads } from "./told.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    to: {
      type: "string",
      describe: "http(s)://HOST[:PORT][/BASE], container/NAME:PORT or bucket/NAME; below HTTP tcp://HOST:PORT",
    },
    ...LABEL_CHANGE_OPTION,
  },
  example: "route update app-example-com --to container/web-2:80",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, to } = flags;
    if (label.length === 0 && to === undefined) {
      throw new SkerryError("invalid", "Nothing to change was named.", { hint: "Say --to or --label." });
    }
    const [name = ""] = args;
    assertRouteName(name);
    const client = await invocation.client();
    const project = await invocation.project();
    const named = {
      params: { name },
      query: project === undefined ? {} : { project },
      signal: invocation.signal,
    };
    const before = label.length === 0 ? undefined : await client.call(routeRoutes.get, named);
    const route = await client.call(routeRoutes.update, {
      ...named,
      body: {
        ...(to === undefined ? {} : { spec: { to } }),
        // Labels are replaced as a whole: what somebody else changes meanwhile must not be lost.
        ...(before === undefined
          ? {}
          : { labels: changeLabels(before.meta.labels, label), revision: before.meta.revision }),
      },
    });
    await invocation.output.done("route", route.meta.name, "updated", route);
    if (to !== undefined) await tellWhereItLeads(invocation, client, route);
  },
});
