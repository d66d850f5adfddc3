/** How an upstream spreads requests, as flags say it. */
import type { UpstreamView } from "@skerry/core/contract/api/upstream.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { BALANCE_METHODS, HASH_KEYS } from "@skerry/core/contract/lists.ts";
import type { Flags } from "../command.ts";

export const BALANCE_OPTIONS = {
  balance: {
    type: "string",
    choices: BALANCE_METHODS,
    describe: "How requests are spread (default: round-robin); weights count in all of them",
  },
  "hash-on": {
    type: "string",
    describe: "With --balance hash: client (default), path, header:NAME, cookie:NAME or query:NAME",
  },
  "sticky-cookie": { type: "boolean", describe: "Clients come back to the backend that they had, by a cookie" },
  "sticky-name": { type: "string", describe: "Name of that cookie (default: skerry-NAME)" },
  "sticky-ttl": { type: "string", describe: "Seconds that it lasts (default: until the browser ends)" },
  "sticky-header": { type: "string", describe: "Requests that are alike in this header go to one backend" },
} as const;

type Spec = UpstreamView["spec"];
type StickyFlags = Pick<
  Flags<typeof BALANCE_OPTIONS>,
  "sticky-cookie" | "sticky-name" | "sticky-ttl" | "sticky-header"
>;

/** What is said; `sticky: null` never comes from here. @throws `invalid`. */
export function balanceOf(flags: Flags<typeof BALANCE_OPTIONS>): Pick<Spec, "balance" | "sticky"> {
  const { balance: method, "hash-on": hashOn } = flags;
  if (hashOn !== undefined && method !== "hash") throw refuse("--hash-on", "--balance hash");
  const [, said, name] = /^([^:]*)(?::(.*))?$/s.exec(hashOn ?? "client") ?? [];
  const on = HASH_KEYS.find((key) => key === said);
  if (on === undefined) {
    throw new SkerryError("invalid", `${JSON.stringify(hashOn)} is nothing that requests are spread by.`, {
      hint: "Like this: --hash-on client, path, header:X-User, cookie:session or query:id",
    });
  }
  const key = { on, ...(name === undefined ? {} : { name }) };
  const sticky = stickyOf(flags);
  return {
    ...(method === undefined ? {} : { balance: { method, ...(method === "hash" ? key : {}) } }),
    ...(sticky === undefined ? {} : { sticky }),
  };
}

/** How clients come back; of an upstream, and of a split. @throws `invalid`. */
export function stickyOf(flags: StickyFlags): Spec["sticky"] {
  const { "sticky-name": name, "sticky-ttl": ttl, "sticky-header": header } = flags;
  const isCookie = flags["sticky-cookie"];
  if (!isCookie && (name ?? ttl) !== undefined) {
    throw refuse(name === undefined ? "--sticky-ttl" : "--sticky-name", "--sticky-cookie");
  }
  if (header !== undefined) {
    if (!isCookie) return { by: "header", name: header };
    throw new SkerryError("invalid", "--sticky-cookie and --sticky-header exclude each other.", { hint: "Say one." });
  }
  if (!isCookie) return undefined;
  if (ttl !== undefined && !/^\d{1,9}$/.test(ttl)) {
    throw new SkerryError("invalid", `${JSON.stringify(ttl)} is no number of seconds.`, {
      hint: "Like --sticky-ttl 3600",
    });
  }
  return {
    by: "cookie",
    ...(name === undefined ? {} : { name }),
    ...(ttl === undefined ? {} : { ttlSeconds: Number(ttl) }),
  };
}

function refuse(flag: string, needs: string): SkerryError {
  return new SkerryError("invalid", `${flag} says something only with ${needs}.`, { hint: `Add ${needs}.` });
}
