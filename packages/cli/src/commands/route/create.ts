import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { placeOf } from "@skerry/core/contract/place.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";
import { ACTION_OPTIONS, actionsOf } from "./action-flags.ts";
import { DELIVERY_OPTIONS, newDelivery } from "./delivery-flags.ts";
import { GUARD_OPTIONS, guardsOf } from "./guard-flags.ts";
import { MATCH_OPTIONS, readMatch } from "./match.ts";
import { PROTOCOL_OPTION, TAG_OPTION } from "./protocol.ts";
import { SPLIT_OPTIONS, splitOf } from "./split-flags.ts";
import { CLIENT_TLS_OPTIONS, clientTlsOf, UPSTREAM_TLS_OPTIONS, upstreamTlsOf } from "./tls-flags.ts";
import { tellWhereItLeads } from "./told.ts";

export default defineCommand({
  usage: "HOST[/PATH] | LISTENER",
  args: [1, 1],
  options: {
    to: {
      type: "string",
      describe:
        "http(s):// or h2c://HOST[:PORT][/BASE], [https+]container/NAME:PORT, bucket/NAME or upstream/NAME; below HTTP tcp://HOST:PORT",
    },
    protocol: PROTOCOL_OPTION,
    "proxy-protocol": {
      type: "string",
      choices: ["v1", "v2"],
      describe: "Tell the backend who asks, in the PROXY protocol (below HTTP)",
    },
    name: { type: "string", describe: "Name of the route (default: made of host and path)" },
    ...MATCH_OPTIONS,
    ...CLIENT_TLS_OPTIONS,
    ...UPSTREAM_TLS_OPTIONS,
    tag: TAG_OPTION,
    ...SPLIT_OPTIONS,
    ...DELIVERY_OPTIONS,
    ...ACTION_OPTIONS,
    ...GUARD_OPTIONS,
    ...LABEL_OPTION,
  },
  example: "route create app.example.com --to container/web:80",
  more: [
    ["route create example.com --header 'X-API: v2' --to container/v2:80", "by a header"],
    ["route create example.com --path-regex '^/v\\d+/u' --to container/u:80", "by a pattern"],
    ["route create example.com/docs --to bucket/docs", "a static site below a path"],
    ["route create '*.example.com' --to http://10.0.0.7:3000", "all names below one (operators)"],
    ["route create gpu.example.com --to upstream/web --tag gpu", "those of several backends that have a tag"],
    ["route create example.com --split a=bucket/a --split b=bucket/b", "half to each"],
    ["route create a.example.com --redirect 'https://b.example{path}'", "a host that has moved"],
    ["route create example.com/health --respond 200", "an answer of the gateway's own"],
    ["route create grpc.example.com --to container/api:50051 --protocol h2", "a program that speaks gRPC"],
    ["route create slow.example.com --to container/web:80 --timeout head=5s", "answers in time, or 504"],
    ["route create tcp://:20432 --to container/db:5432", "a port, and whatever is spoken there"],
    ["route create tls://db.example.com --to container/db:5432", "TLS that the container itself ends"],
    ["route create udp://:20053 --to udp://10.0.0.2:53", "datagrams; answers find back"],
    ["route create ssh://:20022 --to container/git:22", "SSH beside HTTP and TLS on one port"],
  ],
  details:
    "The host name, and all below it, belong to your project from then on, until its last route goes. Of several routes " +
    "that take a request an exact path comes first, then a pattern, then the longest path; of one path the one that asks " +
    "for a method, then for more headers, query parameters, cookies; skerry route explain shows it. A route to a " +
    "bucket shows all of it to everybody, also of a private one: index.html for a folder, 404.html for what is not there.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { to, name, label, protocol, "proxy-protocol": told } = flags;
    const actions = await actionsOf(invocation, flags);
    const { split } = splitOf(flags);
    if (to === undefined && split === undefined && actions.redirect === undefined && actions.respond === undefined) {
      throw new SkerryError("invalid", "--to is missing: where does the route lead?", {
        hint: "Like this: skerry route create app.example.com --to container/web:80",
      });
    }
    const written = placeOf(args[0] ?? "");
    const prefix = "listen" in written ? undefined : written.path;
    const { path = prefix, match } = readMatch(flags);
    if (prefix !== undefined && path !== prefix) {
      throw new SkerryError("invalid", `The path is said twice: ${prefix} and ${path}.`, {
        hint: "Say HOST alone: skerry route create HOST --path-...",
      });
    }
    const clientTls = await clientTlsOf(invocation, flags);
    const upstreamTls = await upstreamTlsOf(invocation, flags);
    const delivery = newDelivery(flags);
    const tls = { ...(clientTls ? { clientTls } : {}), ...(upstreamTls ? { upstreamTls } : {}) };
    const client = await invocation.client();
    const project = await invocation.project();
    const route = await client.call(routeRoutes.create, {
      body: {
        ...(name === undefined ? {} : { name }),
        ...(project === undefined ? {} : { project }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
        spec: {
          ...written,
          ...(to === undefined ? {} : { to }),
          ...(split && { split }),
          ...(path === undefined ? {} : { path }),
          ...(match === undefined ? {} : { match }),
          ...(protocol === undefined ? {} : { protocol }),
          ...(told === undefined ? {} : { proxyProtocol: told as "v1" | "v2" }),
          ...tls,
          ...(flags.tag.length === 0 ? {} : { tags: [...flags.tag] }),
          ...delivery,
          ...(actions as object),
          ...guardsOf(flags),
        },
      },
      signal: invocation.signal,
    });
    await invocation.output.done("route", route.meta.name, `created: ${route.status?.url}`, route);
    await tellWhereItLeads(invocation, client, route);
  },
});
