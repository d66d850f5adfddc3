/** Which answers of a route are kept. Plain rules; `gateway/actions/cache` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export interface Cache {
  /** Seconds that an answer is fresh whose upstream says nothing of it. Absent: 30. */
  readonly ttl?: number;
  /** `ttl` holds whatever the upstream says; what it forbids to keep is not kept. */
  readonly override?: boolean;
  /** Seconds that one is given after that while it is asked for anew, of which the upstream does not say how many. Absent: 0. */
  readonly staleWhileRevalidate?: number;
  /** Seconds that one is given after that when the upstream fails, likewise. Absent: 0. */
  readonly staleIfError?: number;
  /** Of one answer's body. Larger ones are not kept. Absent: 1 MiB. */
  readonly maxBytes?: number;
  /** Absent: 200, 203, 300, 301, 308, 404 and 410. */
  readonly statuses?: readonly number[];
  /** Request headers that tell one answer from another, besides what Vary names. Lower case. */
  readonly keyHeaders?: readonly string[];
  /** Parameters of the query that do. Absent: all of it. */
  readonly keyQuery?: readonly string[];
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;

/** What clients say of these is not passed on. */
const UNSEEN = /^(?:forwarded|x-forwarded-.*|x-real-ip|x-request-id|client-cert(?:-chain)?)$/i;

/** In one spelling. @throws `invalid`. */
export function canonicalCache(rule: Cache): Cache {
  const { ttl, override, maxBytes, statuses, keyHeaders, keyQuery, staleWhileRevalidate, staleIfError } = rule;
  const refuse = (field: string, message: string, hint: string) =>
    new SkerryError("invalid", message, { hint, details: { field: `cache.${field}` } });
  const { maxCacheTtl, maxCacheEntryBytes, maxCacheNames } = LIMITS.actions;
  const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
  for (const [field, value] of Object.entries({ ttl, staleWhileRevalidate, staleIfError })) {
    if (value === undefined || isCount(value, maxCacheTtl)) continue;
    throw refuse(field, `An answer is kept for 0 to ${maxCacheTtl} seconds.`, "Like 30.");
  }
  if (maxBytes !== undefined && !isCount(maxBytes, maxCacheEntryBytes)) {
    throw refuse("maxBytes", `An answer that is kept has at most ${maxCacheEntryBytes} bytes.`, "Like 1048576.");
  }
  const bad = statuses?.find((status) => !isCount(status, 599) || status < 200 || [206, 304].includes(status));
  if (bad !== undefined) throw refuse("statuses", `An answer ${bad} cannot be kept.`, "Like 200 and 404.");
  for (const [field, names] of Object.entries({ keyHeaders, keyQuery })) {
    if (names === undefined) continue;
    const none = names.find((name) => (field === "keyHeaders" ? !TOKEN.test(name) : !/^[\x21-\x7e]{1,64}$/.test(name)));
    if (none !== undefined) throw refuse(field, `${JSON.stringify(none)} is no name.`, "Like Accept-Language.");
    if (names.length > maxCacheNames) throw refuse(field, `There are ${maxCacheNames} at most.`, "Leave some out.");
  }
  const credential = keyHeaders?.find((name) => /^(cookie|authorization)$/i.test(name));
  if (credential !== undefined) {
    throw refuse("keyHeaders", `A request with ${credential} is never answered from what is kept.`, "Leave it out.");
  }
  const unseen = keyHeaders?.find((name) => UNSEEN.test(name));
  if (unseen !== undefined) {
    throw refuse(
      "keyHeaders",
      `What clients say in ${unseen} is not passed on: it tells none of them apart.`,
      "Leave it out.",
    );
  }
  return {
    ...(ttl === undefined ? {} : { ttl }),
    ...(override === true ? { override } : {}),
    ...(staleWhileRevalidate === undefined ? {} : { staleWhileRevalidate }),
    ...(staleIfError === undefined ? {} : { staleIfError }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(statuses === undefined ? {} : { statuses: [...new Set(statuses)].sort((a, b) => a - b) }),
    ...(keyHeaders === undefined ? {} : { keyHeaders: keyHeaders.map((name) => name.toLowerCase()) }),
    ...(keyQuery === undefined ? {} : { keyQuery }),
  };
}
