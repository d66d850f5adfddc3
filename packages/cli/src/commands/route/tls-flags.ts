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

type ClientTls = NonNullable<RouteView["spec"]["clientTls"]>;
type Flags = { readonly [K in keyof typeof CLIENT_TLS_OPTIONS]?: string | undefined };

export function namesClientTls(flags: Flags): boolean {
  return Object.keys(CLIENT_TLS_OPTIONS).some((name) => flags[name as keyof Flags] !== undefined);
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
