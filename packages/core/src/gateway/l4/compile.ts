/** From routes below HTTP to what a gateway worker runs. Pure, as `gateway/compile.ts`. */
import type { Route } from "../../domain/gateway.ts";
import { parseListener, parseListenerTarget } from "../../domain/listeners.ts";
import type { Lookups } from "../compile.ts";
import { compileAccess } from "../guard/access.ts";
import type { L4Entry } from "./entry.ts";

/** @throws `invalid` for what is no such route. */
export function compileListener({ meta, spec }: Route, lookups: Pick<Lookups, "container" | "ipList">): L4Entry {
  const { protocol, host, port } = parseListener(spec.listen ?? "");
  const target = parseListenerTarget(spec.to ?? "", protocol);
  const { proxyProtocol } = spec;
  const access = spec.access && compileAccess(spec.access, (name) => lookups.ipList(meta.project, name));
  const entry = {
    ...{ id: meta.uid, protocol, host, port, ...(proxyProtocol && { proxyProtocol }) },
    reach: spec.anyUpstream ? "any" : "restricted",
    ...(access === undefined || typeof access === "string" ? {} : { access }),
  } as const;
  if (typeof access === "string") return { ...entry, backends: [], reason: access };
  if (target.kind === "address") return { ...entry, backends: [{ host: target.host, port: target.port }] };
  const found = lookups.container(meta.project, target.name);
  if (found === undefined) return { ...entry, backends: [], reason: `there is no container ${target.name}` };
  if (found.state === "down") return { ...entry, backends: [], reason: found.reason };
  // The address is one that we gave: nobody can make it lead elsewhere.
  return { ...entry, backends: [{ host: found.address, port: target.port }], reach: "any" };
}
