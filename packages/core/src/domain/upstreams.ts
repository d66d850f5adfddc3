/** Upstreams: several backends that routes lead to under one name. Plain rules without I/O. */
import { SkerryError } from "./errors.ts";
import { assertProtocol, canonicalTarget, parseTarget, type UpstreamProtocol, type UpstreamTls } from "./gateway.ts";
import { LIMITS } from "./limits.ts";
import { assertName, type Resource } from "./resource.ts";
import type { UpstreamCare } from "./upstream-care.ts";

export interface BackendSpec {
  /** Its own within the upstream. */
  readonly name: string;
  /** Canonical: `canonicalTarget`; a URL or a container. */
  readonly to: string;
  /** Its share of the requests, beside the others' weights. 0: only those that stick to it. */
  readonly weight: number;
  /** In order, nothing twice. Routes may ask for some of them. */
  readonly tags: readonly string[];
  /** It gets no new requests. */
  readonly drain: boolean;
  /** As `RouteSpec.anyUpstream`: of who set `to`. */
  readonly anyUpstream: boolean;
}

/** A backend as it is said: what is left out is as usual. */
export interface BackendText {
  readonly name: string;
  readonly to: string;
  readonly weight?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly drain?: boolean | undefined;
}

/** How requests are spread. */
export const BALANCE_METHODS = ["round-robin", "random", "least-connections", "response-time", "hash"] as const;
export const HASH_KEYS = ["client", "path", "header", "cookie", "query"] as const;
export interface Balance {
  readonly method: (typeof BALANCE_METHODS)[number];
  /** Of `hash`: requests that are alike in it go to one backend. Default: `client`, its address. */
  readonly on?: (typeof HASH_KEYS)[number];
  /** Of the header, cookie or query parameter. */
  readonly name?: string;
}

/** Clients come back to the backend that they had, by a cookie of ours, or by a header of theirs. */
export const STICKY_KEYS = ["cookie", "header"] as const;
export interface StickySpec {
  readonly by: (typeof STICKY_KEYS)[number];
  /** Of a cookie absent: `stickyNameOf`. */
  readonly name?: string;
  /** Of the cookie; absent: until the browser is closed. */
  readonly ttlSeconds?: number;
}

export interface UpstreamSpec extends UpstreamCare {
  /** In the order in which they were said. */
  readonly backends: readonly BackendSpec[];
  /** Canonical; absent: round robin. */
  readonly balance?: Balance;
  /** Canonical. */
  readonly sticky?: StickySpec;
  /** Absent: `auto`. */
  readonly protocol?: UpstreamProtocol;
  /** As of a route, for all backends. */
  readonly upstreamTls?: UpstreamTls;
}
export type UpstreamResource = Resource<UpstreamSpec>;

const { maxBackends, maxWeight, maxTags } = LIMITS.gateway;

/** In one spelling, without who set where they lead. @throws `invalid`. */
export function canonicalBackends(backends: readonly BackendText[]): Omit<BackendSpec, "anyUpstream">[] {
  if (backends.length === 0 || backends.length > maxBackends) {
    throw refuse(`An upstream has 1 to ${maxBackends} backends, not ${backends.length}.`);
  }
  const names = new Set<string>();
  return backends.map(({ name, to, weight = 1, tags = [], drain = false }) => {
    assertName(name, "backend");
    if (names.has(name)) throw refuse(`Two backends are called ${name}.`);
    names.add(name);
    const { kind } = parseTarget(to);
    if (kind === "bucket" || kind === "upstream") {
      throw refuse(`The backend ${name} cannot lead to ${to}.`, "It leads to a URL or to container/NAME:PORT.");
    }
    if (!Number.isInteger(weight) || weight < 0 || weight > maxWeight) {
      throw refuse(`The weight of the backend ${name} is a whole number from 0 to ${maxWeight}.`);
    }
    return { name, to: canonicalTarget(to), weight, tags: canonicalTags(tags), drain };
  });
}

/** In order, nothing twice. @throws `invalid`. */
export function canonicalTags(tags: readonly string[]): string[] {
  for (const tag of tags) assertName(tag, "tag");
  const all = [...new Set(tags)].sort();
  if (all.length <= maxTags) return all;
  throw new SkerryError("invalid", `There are ${all.length} tags; ${maxTags} at most are taken.`, {
    details: { field: "spec.tags" },
  });
}

/** What is said of the protocol and of TLS must mean something for each of them. @throws `invalid`. */
export function assertBackendsFit({ backends, protocol, upstreamTls }: UpstreamSpec): void {
  for (const { to } of backends) assertProtocol(to, protocol);
  if (upstreamTls === undefined || backends.some(({ to }) => speaksTls(to))) return;
  throw new SkerryError(
    "invalid",
    "No TLS is spoken with any of the backends: what is said of it would mean nothing.",
    {
      hint: "Lead one to https://... or https+container/NAME:PORT, or leave it out.",
      details: { field: "spec.upstreamTls" },
    },
  );
}

/** Undefined: as usual. @throws `invalid`. */
export function canonicalBalance({ method, on, name }: BalanceText): Balance | undefined {
  if (method !== "hash") {
    if (on === undefined && name === undefined) return method === "round-robin" ? undefined : { method };
    throw refuseField("balance", `Nothing is hashed by ${method}: leave out what it looks at.`);
  }
  if (on === undefined || on === "client" || on === "path") {
    if (name === undefined) return { method, on: on ?? "client" };
    throw refuseField("balance", `A ${on ?? "client"} has no name.`);
  }
  return { method, on, name: canonicalName(on, name ?? "", "balance") };
}

export interface BalanceText {
  readonly method: Balance["method"];
  readonly on?: Balance["on"] | undefined;
  readonly name?: string | undefined;
}

export interface StickyText {
  readonly by: StickySpec["by"];
  readonly name?: string | undefined;
  readonly ttlSeconds?: number | undefined;
}

/** The cookie of an upstream that says no name for it. Two of one host have two. */
export function stickyNameOf({ name }: StickySpec, upstream: string): string {
  return name ?? `skerry-${upstream}`;
}

/** @throws `invalid`. */
export function canonicalSticky({ by, name, ttlSeconds }: StickyText): StickySpec {
  if (by === "header" && ttlSeconds !== undefined) {
    throw refuseField("sticky", "Only a cookie of ours comes to its end: a header has no ttlSeconds.");
  }
  const told = by === "cookie" && name === undefined ? {} : { name: canonicalName(by, name ?? "", "sticky") };
  return { by, ...told, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function canonicalName(what: "header" | "cookie" | "query", name: string, field: string): string {
  const { maxConditionName } = LIMITS.gateway;
  const isGood = name.length <= maxConditionName && (what === "query" ? /^[^\p{C}]+$/u : TOKEN).test(name);
  if (isGood) return what === "header" ? name.toLowerCase() : name;
  throw refuseField(field, `${JSON.stringify(name)} is no name of a ${what === "query" ? "query parameter" : what}.`);
}

/** Tags choose among the backends of an upstream. @throws `invalid` where there are none. */
export function assertTagsFit(to: string, tags: readonly string[] | undefined): void {
  if (tags === undefined || to.startsWith("upstream/")) return;
  throw new SkerryError("invalid", "Tags choose among the backends of an upstream, and this route leads to none.", {
    hint: "Lead it to upstream/NAME, or take the tags back.",
    details: { field: "spec.tags" },
  });
}

function speaksTls(to: string): boolean {
  const target = parseTarget(to);
  return (target.kind === "url" || target.kind === "container") && target.tls;
}

function refuse(message: string, hint?: string): SkerryError {
  return refuseField("backends", message, hint);
}

function refuseField(field: string, message: string, hint?: string): SkerryError {
  return new SkerryError("invalid", message, {
    ...(hint === undefined ? {} : { hint }),
    details: { field: `spec.${field}` },
  });
}
