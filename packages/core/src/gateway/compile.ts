/** From routes to what a gateway worker runs. Pure: what a target means at this moment is looked up by the caller. */
import { createHash } from "node:crypto";
import type { KeyedCertificate } from "../domain/certificates.ts";
import type { ContainerEndpoint } from "../domain/compute.ts";
import { parseTarget, type Route, type RouteTarget, spokenWith } from "../domain/gateway.ts";
import type { Visibility } from "../domain/objects.ts";
import { assertMatch } from "./routing/patterns.ts";
import type { TableEntry, Upstream, UpstreamTlsRule } from "./table.ts";
import { termsIdOf } from "./tls/peer.ts";

export interface BucketFacts {
  readonly uid: string;
  /** Uid of its project. */
  readonly project: string;
  readonly visibility: Visibility;
}

export interface Lookups {
  bucket(name: string): BucketFacts | undefined;
  container(project: string, name: string): ContainerEndpoint | undefined;
  /** Of the use `client`; text: why there is none. */
  clientCertificate(project: string, name: string): KeyedCertificate | string;
  /** The unix socket of the server of static sites. */
  readonly sitesSocket: string;
}

/** @throws `invalid` when a pattern cannot be read. */
export function compileRoute({ meta, spec }: Route, lookups: Lookups): TableEntry {
  const { host, path, match, clientTls } = spec;
  if (match !== undefined) assertMatch(path, match);
  return {
    ...{ id: meta.uid, name: meta.name, project: meta.project, host, path },
    ...(match === undefined ? {} : { match }),
    upstream: compileTarget(meta.project, spec, lookups),
    ...(clientTls === undefined ? {} : { clientTls: { id: termsIdOf(clientTls), mode: clientTls.mode } }),
  };
}

function compileTarget(project: string, spec: Route["spec"], lookups: Lookups): Upstream {
  const reach = spec.anyUpstream ? "any" : "restricted";
  const target = parseTarget(spec.to);
  const tlsRule = compileTls(project, spec, target, lookups);
  if (typeof tlsRule === "string") return { backends: [], reason: tlsRule, reach };
  const withRule = tlsRule === undefined ? {} : { tlsRule };
  switch (target.kind) {
    case "url": {
      const { host, port, tls, basePath, h2c } = target;
      const authority = `${host.includes(":") ? `[${host}]` : host}${port === 443 ? "" : `:${port}`}`;
      // Who asks for TLS asks for that name; without, the server behind is ours and wants to know what was asked for.
      return {
        backends: [
          {
            ...{ kind: "tcp", host, port, tls, basePath },
            ...(tls ? { hostHeader: authority } : {}),
            ...spokenWith(h2c ? "h2" : spec.protocol),
            ...withRule,
          },
        ],
        reach,
      };
    }
    case "bucket": {
      const bucket = lookups.bucket(target.name);
      // Only what is the project's own, or everyone's.
      if (bucket === undefined || (bucket.project !== project && bucket.visibility !== "public")) {
        return { backends: [], reason: `there is no bucket ${target.name}`, reach };
      }
      // Only a prefix is a folder; a path that is exact, or of a pattern, is asked for as it is.
      const basePath = sitePath(bucket.uid, spec.match?.path === undefined ? spec.path : "/");
      return { backends: [{ kind: "unix", path: lookups.sitesSocket, basePath }], reach };
    }
    case "container": {
      const { name, port, tls } = target;
      const found = lookups.container(project, name);
      if (found === undefined) return { backends: [], reason: `there is no container ${name}`, reach };
      if (found.state === "down") return { backends: [], reason: found.reason, reach };
      // The address is one that we gave: nobody can make it lead elsewhere.
      const backend = { kind: "tcp", host: found.address, port, tls, basePath: "", ...withRule } as const;
      return { backends: [{ ...backend, ...spokenWith(spec.protocol) }], reach: "any" };
    }
  }
}

/** Undefined: none, or as usual; text: why the upstream cannot be spoken to. */
function compileTls(
  project: string,
  { upstreamTls = {} }: Route["spec"],
  target: RouteTarget,
  lookups: Lookups,
): UpstreamTlsRule | string | undefined {
  if (target.kind === "bucket" || !target.tls) return undefined;
  const { ca, clientCertificate, verify = true } = upstreamTls;
  // A container is called by its name: its address is nobody's to certify.
  const serverName = upstreamTls.serverName ?? (target.kind === "container" ? target.name : undefined);
  const certificate =
    clientCertificate === undefined ? undefined : lookups.clientCertificate(project, clientCertificate);
  if (typeof certificate === "string") return certificate;
  const rule = {
    ...(serverName === undefined ? {} : { serverName }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    verify,
  };
  if (verify && Object.keys(rule).length === 1) return undefined;
  return { id: createHash("sha256").update(JSON.stringify(rule)).digest("hex").slice(0, 32), ...rule };
}

/** How the server of static sites is asked for a bucket, and told how much of the path the route has used up. */
function sitePath(bucketUid: string, routePath: string): string {
  return `/${bucketUid}/${routePath === "/" ? 0 : routePath.length}`;
}

/** The reverse: bucket, and the path below the route, as it was sent (still encoded). Undefined: not of this form. */
export function parseSitePath(target: string): { bucket: string; routePath: string; path: string } | undefined {
  const match = /^\/([a-z2-7]{26})\/(\d{1,3})(\/.*)?$/.exec(target);
  if (match === null) return undefined;
  const path = match[3] ?? "/";
  const used = Number(match[2]);
  return { bucket: match[1] ?? "", routePath: path.slice(0, used), path: path.slice(used) };
}
