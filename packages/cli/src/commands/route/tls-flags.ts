/** What a route says of TLS, from flags and files. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { CLIENT_TLS_MODES } from "@skerry/core/contract/lists.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { readBytesFile } from "../../prompts/secret-file.ts";
import type { Invocation } from "../command.ts";

export const CLIENT_TLS_OPTIONS = {
  "client-ca": { type: "string", describe: "Clients show a certificate of an authority in this file (PEM)" },
  "client-crl": { type: "string", describe: "The file of what these authorities have revoked (PEM)" },
  "client-tls": {
    type: "string",
    choices: [...CLIENT_TLS_MODES, "none"],
    describe:
      "require (default with --client-ca): 403 without one; request: passed on when there is one; none: not asked for",
  },
} as const;

export const UPSTREAM_TLS_OPTIONS = {
  "upstream-ca": { type: "string", describe: "The upstream's certificate is of an authority in this file (PEM)" },
  "upstream-name": { type: "string", describe: "What the upstream is called in its certificate" },
  "upstream-cert": { type: "string", describe: "Certificate (use: client) that it is shown when it asks for one" },
  "upstream-insecure": { type: "boolean", describe: "Whoever answers is taken for it (needs gateway.upstreams:any)" },
  "upstream-tls": { type: "string", choices: ["default"], describe: "Takes back what was said of the upstream's TLS" },
} as const;

type UpstreamTls = NonNullable<RouteView["spec"]["upstreamTls"]>;
type UpstreamFlags = { readonly [K in keyof typeof UPSTREAM_TLS_OPTIONS]?: string | boolean | undefined };

/** Undefined: nothing was said; null: as usual again. `before`: what the route has. @throws `not_found`. */
export async function upstreamTlsOf(
  { terminal }: Invocation,
  flags: UpstreamFlags,
  before: UpstreamTls = {},
): Promise<UpstreamTls | null | undefined> {
  if (flags["upstream-tls"] !== undefined) return null;
  const text = (name: keyof UpstreamFlags) => flags[name] as string | undefined;
  const [file, serverName, clientCertificate] = [text("upstream-ca"), text("upstream-name"), text("upstream-cert")];
  const isInsecure = flags["upstream-insecure"] === true;
  if (file === undefined && serverName === undefined && clientCertificate === undefined && !isInsecure)
    return undefined;
  const most = LIMITS.gateway.maxChainLength;
  const ca = file && (await readBytesFile(file, "--upstream-ca", terminal.stdin, most)).toString("latin1");
  const { ca: _ca, verify: _verify, ...kept } = before;
  // Who names authorities wants it verified again, and the other way round.
  const trust = ca !== undefined ? { ca } : isInsecure ? { verify: false as const } : { ...before };
  return {
    ...kept,
    ...(trust.ca === undefined ? {} : { ca: trust.ca }),
    ...("verify" in trust && trust.verify === false ? { verify: false as const } : {}),
    ...(serverName === undefined ? {} : { serverName }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
  };
}

type ClientTls = NonNullable<RouteView["spec"]["clientTls"]>;
type Flags = { readonly [K in keyof typeof CLIENT_TLS_OPTIONS]?: string | undefined };

function namesClientTls(flags: Flags): boolean {
  return Object.keys(CLIENT_TLS_OPTIONS).some((name) => flags[name as keyof Flags] !== undefined);
}

/** Whether anything is said of TLS, with clients or upstreams. */
export function namesTls(flags: Flags & UpstreamFlags): boolean {
  const { "upstream-insecure": isInsecure, ...named } = flags;
  const names = Object.keys(UPSTREAM_TLS_OPTIONS) as (keyof typeof named)[];
  return isInsecure === true || namesClientTls(flags) || names.some((name) => named[name] !== undefined);
}

/** Undefined: nothing was said; null: none any more. `before`: what the route has. @throws `invalid`, `not_found`. */
export async function clientTlsOf(
  { terminal }: Invocation,
  flags: Flags,
  before?: ClientTls,
): Promise<ClientTls | null | undefined> {
  if (!namesClientTls(flags)) return undefined;
  const { "client-ca": ca, "client-crl": crl, "client-tls": mode } = flags;
  if (mode === "none") return null;
  const { maxChainLength, maxCrlLength } = LIMITS.gateway;
  const read = async (path: string | undefined, flag: string, most: number) =>
    path === undefined ? undefined : (await readBytesFile(path, flag, terminal.stdin, most)).toString("latin1");
  const authorities = (await read(ca, "--client-ca", maxChainLength)) ?? before?.ca;
  // Another authority's revocations are others.
  const revoked = (await read(crl, "--client-crl", maxCrlLength)) ?? (ca === undefined ? before?.crl : undefined);
  if (authorities === undefined) {
    throw new SkerryError("invalid", "--client-ca is missing: whose certificates count?", {
      hint: "Like this: --client-ca ca.pem",
    });
  }
  return {
    mode: (mode as ClientTls["mode"] | undefined) ?? before?.mode ?? "require",
    ca: authorities,
    ...(revoked === undefined ? {} : { crl: revoked }),
  };
}
