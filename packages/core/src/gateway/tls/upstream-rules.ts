/** What a route says of its upstream's TLS, looked at before it has it. */
import { X509Certificate } from "node:crypto";
import { SkerryError } from "../../domain/errors.ts";
import { canonicalHost, parseTarget, type RouteSpec, type UpstreamTls } from "../../domain/gateway.ts";
import { LIMITS } from "../../domain/limits.ts";
import { assertName } from "../../domain/resource.ts";
import { destinationsOf } from "../../domain/route-split.ts";
import { blocksIn } from "../certificates/pem.ts";

/** In one spelling; undefined when nothing is said. @throws `invalid`. */
export function checkUpstreamTls({ ca, serverName, clientCertificate, verify }: UpstreamTls): UpstreamTls | undefined {
  if (clientCertificate !== undefined) assertName(clientCertificate, "certificate");
  if (serverName?.startsWith("*.")) throw refuse("serverName", "A wildcard is no name of an upstream.", NAME);
  const checked: UpstreamTls = {
    ...(ca === undefined ? {} : { ca: readAuthorities(ca) }),
    ...(serverName === undefined ? {} : { serverName: canonicalHost(serverName) }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(verify === undefined ? {} : { verify }),
  };
  if (verify === false && ca !== undefined) {
    throw refuse("verify", "With authorities the upstream is verified.", "Leave one of the two out.");
  }
  return Object.keys(checked).length === 0 ? undefined : checked;
}

/** @throws `invalid` when it would say nothing: such a route leads to where no TLS is spoken. */
export function assertSpeaksTls(spec: RouteSpec): void {
  if (spec.upstreamTls === undefined) return;
  const places = destinationsOf(spec);
  const targets = places.map((to) => parseTarget(to));
  if (targets.some((one) => (one.kind === "url" || one.kind === "container") && one.tls)) return;
  const upstream = targets.find((one) => one.kind === "upstream");
  if (upstream !== undefined) {
    throw new SkerryError("invalid", "The upstream itself says how TLS is spoken with its backends, not the route.", {
      hint: `Leave it out here; at the upstream: skerry upstream update ${upstream.name} --upstream-ca FILE`,
      details: { field: "spec.upstreamTls" },
    });
  }
  const named = places.length === 0 ? "any upstream" : places.join(" or ");
  const message = `No TLS is spoken with ${named}: what is said of it would mean nothing.`;
  throw new SkerryError("invalid", message, {
    hint: "Lead the route to https://... or https+container/NAME:PORT, or take it back: --upstream-tls default",
    details: { field: "spec.upstreamTls" },
  });
}

function readAuthorities(pem: string): string {
  const blocks = blocksIn(pem);
  const { maxChain } = LIMITS.gateway;
  if (blocks.length === 0 || blocks.length > maxChain || blocks.some(({ label }) => label !== "CERTIFICATE")) {
    throw refuse("ca", `It has not 1 to ${maxChain} certificates in PEM, and nothing besides.`, CA);
  }
  try {
    return blocks.map(({ text }) => new X509Certificate(text).toString()).join("");
  } catch (cause) {
    throw refuse("ca", "A certificate of it cannot be read.", CA, cause);
  }
}

const CA = "The file has the authorities that the upstream's certificate is of, or that certificate itself, in PEM.";
const NAME = "Like backend.internal: what stands in its certificate.";

function refuse(field: keyof UpstreamTls, message: string, hint: string, cause?: unknown): SkerryError {
  return new SkerryError("invalid", message, { hint, details: { field: `spec.upstreamTls.${field}` }, cause });
}
