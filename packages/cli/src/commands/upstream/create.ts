import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { LABEL_OPTION, parseLabels } from "../labels.ts";
import { PROTOCOL_OPTION } from "../route/protocol.ts";
import { UPSTREAM_TLS_OPTIONS, upstreamTlsOf } from "../route/tls-flags.ts";
import { BACKEND_OPTION, changeBackends } from "./backends.ts";
import { BALANCE_OPTIONS, balanceOf } from "./balance.ts";
import { CARE_OPTIONS, newCare } from "./care.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    ...BACKEND_OPTION,
    ...BALANCE_OPTIONS,
    ...CARE_OPTIONS,
    protocol: PROTOCOL_OPTION,
    ...UPSTREAM_TLS_OPTIONS,
    ...LABEL_OPTION,
  },
  example: "upstream create web --backend a=http://a --backend b=container/b:80",
  more: [["upstream create web --backend gpu=http://10.0.0.8,weight=2,tag=gpu", "share and tag"]],
  details:
    "Routes lead to it by --to upstream/NAME. TO is http(s):// or h2c://HOST[:PORT][/BASE], or [https+]container/NAME:PORT. " +
    "A backend of weight 2 gets twice as many requests as one of weight 1.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, protocol } = flags;
    if (flags.backend.length === 0) {
      throw new SkerryError("invalid", "--backend is missing: where do requests go?", {
        hint: "Like this: skerry upstream create web --backend a=http://10.0.0.7:3000",
      });
    }
    const backends = changeBackends([], flags.backend);
    const balance = { ...balanceOf(flags), ...newCare(flags) };
    const upstreamTls = await upstreamTlsOf(invocation, flags);
    const client = await invocation.client();
    const project = await invocation.project();
    const made = await client.call(upstreamRoutes.create, {
      body: {
        name: args[0] ?? "",
        ...(project === undefined ? {} : { project }),
        ...(label.length === 0 ? {} : { labels: parseLabels(label) }),
        spec: {
          backends,
          ...balance,
          ...(protocol === undefined ? {} : { protocol }),
          ...(upstreamTls ? { upstreamTls } : {}),
        },
      },
      signal: invocation.signal,
    });
    await invocation.output.done("upstream", made.meta.name, "created", made);
  },
});
