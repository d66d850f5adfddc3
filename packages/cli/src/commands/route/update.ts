import { type RouteView, routeRoutes } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";
import { callsAbout } from "../named.ts";
import { ACTION_OPTIONS, actionsOf, namesActions, WITHOUT_OPTION } from "./action-flags.ts";
import { DELIVERY_OPTIONS, deliveryOf, namesDelivery } from "./delivery-flags.ts";
import { GUARD_OPTIONS, guardsOf, namesGuards } from "./guard-flags.ts";
import { MATCH_OPTIONS, readMatch } from "./match.ts";
import { assertRouteName } from "./name.ts";
import { PROTOCOL_OPTION, type Protocol, TAG_OPTION } from "./protocol.ts";
import { namesSplit, SPLIT_OPTIONS, splitOf } from "./split-flags.ts";
import { CLIENT_TLS_OPTIONS, clientTlsOf, namesTls, UPSTREAM_TLS_OPTIONS, upstreamTlsOf } from "./tls-flags.ts";
import { tellWhereItLeads } from "./told.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    to: {
      type: "string",
      describe:
        "http(s):// or h2c://HOST[:PORT][/BASE], [https+]container/NAME:PORT, bucket/NAME or upstream/NAME; below HTTP tcp://HOST:PORT",
    },
    path: { type: "string", describe: "Take everything below this path" },
    ...MATCH_OPTIONS,
    "match-all": { type: "boolean", describe: "Ask for nothing but the path, besides what is said here" },
    protocol: PROTOCOL_OPTION,
    "proxy-protocol": {
      type: "string",
      choices: ["v1", "v2", "none"],
      describe: "Tell the backend who asks, in the PROXY protocol (below HTTP)",
    },
    ...CLIENT_TLS_OPTIONS,
    ...UPSTREAM_TLS_OPTIONS,
    tag: { ...TAG_OPTION, describe: `${TAG_OPTION.describe}; none: whichever` },
    ...SPLIT_OPTIONS,
    "no-canary": { type: "boolean", describe: "The gateway moves the weights no more; they stay where they are" },
    ...DELIVERY_OPTIONS,
    ...ACTION_OPTIONS,
    ...WITHOUT_OPTION,
    ...GUARD_OPTIONS,
    ...LABEL_CHANGE_OPTION,
  },
  example: "route update app-example-com --to container/web-2:80",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, to, protocol, "proxy-protocol": told } = flags;
    const said = readMatch(flags);
    if (flags.path !== undefined && said.path !== undefined) {
      throw new SkerryError("invalid", "--path, --path-exact and --path-regex exclude each other.", {
        hint: "Say one.",
      });
    }
    const hasMoved = flags.path !== undefined || said.match !== undefined || flags["match-all"];
    const changesParts =
      namesTls(flags) || namesDelivery(flags) || namesActions(flags) || namesGuards(flags) || namesSplit(flags);
    const changed = {
      ...specOf(to, protocol),
      ...(told === undefined ? {} : { proxyProtocol: told as "v1" | "v2" | "none" }),
      ...(flags["no-canary"] ? { canary: null } : {}),
      ...(flags.tag.length === 0 ? {} : { tags: flags.tag.filter((tag) => tag !== "none") }),
    };
    if (label.length === 0 && Object.keys(changed).length === 0 && !hasMoved && !changesParts) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --to, --split, --protocol, --client-ca, --upstream-ca, --timeout, --retries, --hedge, --allow, --block, --rate, --label, --tag, --path, what it asks for or an action, like --redirect.",
      });
    }
    const [name = ""] = args;
    assertRouteName(name);
    const { client, named } = await callsAbout(invocation, name);
    const needsBefore = label.length > 0 || hasMoved || changesParts;
    const before = needsBefore ? await client.call(routeRoutes.get, named) : undefined;
    const clientTls = await clientTlsOf(invocation, flags, before?.spec.clientTls);
    const upstreamTls = await upstreamTlsOf(invocation, flags, before?.spec.upstreamTls);
    const spec = {
      ...changed,
      ...placeOf(hasMoved ? before : undefined, said, flags),
      ...(clientTls === undefined ? {} : { clientTls }),
      ...(upstreamTls === undefined ? {} : { upstreamTls }),
      ...splitOf(flags, before?.spec.split),
      ...deliveryOf(flags, before?.spec),
      ...(await actionsOf(invocation, flags, before?.spec)),
      ...guardsOf(flags, before?.spec),
    };
    const route = await client.call(routeRoutes.update, {
      ...named,
      body: {
        ...(Object.keys(spec).length === 0 ? {} : { spec }),
        // Labels, and what it asks for, are replaced as a whole: what somebody else changes meanwhile must not be lost.
        ...(before === undefined
          ? {}
          : {
              ...(label.length === 0 ? {} : { labels: changeLabels(before.meta.labels, label) }),
              revision: before.meta.revision,
            }),
      },
    });
    await invocation.output.done("route", route.meta.name, "updated", route);
    if (to !== undefined) await tellWhereItLeads(invocation, client, route);
  },
});

function specOf(to: string | undefined, protocol: Protocol | undefined): { to?: string; protocol?: Protocol } {
  return { ...(to === undefined ? {} : { to }), ...(protocol === undefined ? {} : { protocol }) };
}

/** What is said of methods, headers, query, cookies and path is each taken for what was there; the rest stays. */
function placeOf(
  before: RouteView | undefined,
  { path, match }: ReturnType<typeof readMatch>,
  flags: { readonly path: string | undefined; readonly "match-all": boolean },
): { path?: string; match?: NonNullable<RouteView["spec"]["match"]> } {
  if (before === undefined) return {};
  const { path: kind, ...rest } = before.spec.match ?? {};
  const kept = {
    ...(flags["match-all"] ? {} : rest),
    ...(flags.path !== undefined || kind === undefined ? {} : { path: kind }),
  };
  const next = path ?? flags.path;
  return { ...(next === undefined ? {} : { path: next }), match: { ...kept, ...match } };
}
