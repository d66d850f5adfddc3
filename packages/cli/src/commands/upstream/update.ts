import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { defineCommand } from "../command.ts";
import { changeLabels, LABEL_CHANGE_OPTION } from "../labels.ts";
import { callsAbout } from "../named.ts";
import { PROTOCOL_OPTION } from "../route/protocol.ts";
import { namesTls, UPSTREAM_TLS_OPTIONS, upstreamTlsOf } from "../route/tls-flags.ts";
import { BACKEND_OPTION, changeBackends } from "./backends.ts";
import { BALANCE_OPTIONS, balanceOf } from "./balance.ts";
import { CARE_OPTIONS, careOf } from "./care.ts";
import { expectBackend } from "./one-backend.ts";

export default defineCommand({
  usage: "NAME",
  args: [1, 1],
  options: {
    ...BACKEND_OPTION,
    remove: { type: "array", describe: "Name of a backend that goes; again for more" },
    ...BALANCE_OPTIONS,
    ...CARE_OPTIONS,
    "no-sticky": { type: "boolean", describe: "Each request is for itself again" },
    protocol: PROTOCOL_OPTION,
    ...UPSTREAM_TLS_OPTIONS,
    ...LABEL_CHANGE_OPTION,
  },
  example: "upstream update web --backend c=http://10.0.0.9:3000 --remove a",
  more: [["upstream update web --backend b,weight=5", "another weight; where it leads stays"]],
  details:
    "A backend that is named changes, or comes; those that are not named stay. Requests under way are not disturbed.",
  takesProject: true,
  async run(invocation, { args, flags }) {
    const { label, protocol, backend, remove } = flags;
    const changesBackends = backend.length + remove.length > 0;
    const spread = { ...balanceOf(flags), ...careOf(flags), ...(flags["no-sticky"] ? { sticky: null } : {}) };
    const changes = changesBackends || Object.keys(spread).length > 0 || protocol !== undefined || namesTls(flags);
    if (!changes && label.length === 0) {
      throw new SkerryError("invalid", "Nothing to change was named.", {
        hint: "Say --backend, --remove, --balance, --sticky-cookie, --health, --breaker, --ejection, --slow-start, --protocol, --upstream-ca or --label.",
      });
    }
    const { client, named } = await callsAbout(invocation, args[0]);
    const before = await client.call(upstreamRoutes.get, named);
    for (const name of remove) expectBackend(before, name);
    const kept = before.spec.backends.filter(({ name }) => !remove.includes(name));
    const upstreamTls = await upstreamTlsOf(invocation, flags, before.spec.upstreamTls);
    const spec = {
      ...(changesBackends ? { backends: changeBackends(kept, backend) } : {}),
      ...spread,
      ...(protocol === undefined ? {} : { protocol }),
      ...(upstreamTls === undefined ? {} : { upstreamTls }),
    };
    const made = await client.call(upstreamRoutes.update, {
      ...named,
      body: {
        ...(Object.keys(spec).length === 0 ? {} : { spec }),
        ...(label.length === 0 ? {} : { labels: changeLabels(before.meta.labels, label) }),
        // Backends are replaced as a whole: what somebody else changes meanwhile must not be lost.
        revision: before.meta.revision,
      },
    });
    await invocation.output.done("upstream", made.meta.name, "updated", made);
  },
});
