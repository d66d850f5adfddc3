/** How a backend is chosen for a request, in words, for who may read the upstream. */
import type { Balance, UpstreamSpec } from "../../domain/upstreams.ts";
import { type Asked, Facts } from "../routing/asked.ts";
import type { Backend, Upstream } from "../table.ts";
import { Ring } from "./ring.ts";
import { BackendState } from "./state.ts";
import { stickyValueOf } from "./sticky.ts";

export interface BackendVerdict {
  readonly name: string;
  readonly to: string;
  /** It may get the request. */
  readonly eligible: boolean;
  readonly why: string;
}

export interface ChoiceExplanation {
  readonly backends: readonly BackendVerdict[];
  /** A sentence for each rule, in the order in which they hold. */
  readonly how: readonly string[];
}

/** `spec` is declared, `made` what each of its backends is compiled to, `upstream` what the route makes of them. */
export function explainChoice(
  spec: UpstreamSpec,
  made: readonly (Backend | string)[],
  upstream: Upstream,
  tags: readonly string[],
  asked: Asked,
): ChoiceExplanation {
  const backends = spec.backends.map((one, at): BackendVerdict => {
    const { name, to, weight, drain } = one;
    const missing = tags.filter((tag) => !one.tags.includes(tag));
    const compiled = made[at];
    const no = (why: string) => ({ name, to, eligible: false, why });
    if (missing.length > 0) return no(`it has not the tag ${missing.join()}`);
    if (drain) return no("it is drained");
    if (typeof compiled === "string") return no(compiled);
    if (weight === 0) return no("its weight is 0: only who sticks to it");
    return { name, to, eligible: true, why: `weight ${weight}` };
  });
  const facts = new Facts().begin(asked);
  const circle = circleOf(upstream);
  const how = [
    ...explainSticky(upstream, facts, circle),
    explainBalance(spec.balance, asked, facts, circle),
    "Backends that could not be connected to a moment ago come last. Each gateway worker counts for itself.",
  ];
  return { backends, how };
}

/** Who owns a key, as workers see it when nothing is in flight; undefined: nobody. */
type Circle = (key: string) => string | undefined;

function circleOf({ backends }: Upstream): Circle {
  const standing = backends.flatMap(({ name = "", weight = 1, drain }) => {
    if (drain || weight === 0) return [];
    return { name, weight, state: new BackendState(name, ""), isOpen: true, turn: 0 };
  });
  let ring: Ring | undefined;
  return (key) => {
    ring ??= new Ring(standing);
    return ring.find(key, standing)?.name;
  };
}

function explainSticky(upstream: Upstream, facts: Facts, circle: Circle): string[] {
  const { sticky } = upstream;
  if (sticky === undefined) return [];
  const { by, name } = sticky;
  const value = facts.value(by === "cookie" ? "cookies" : "headers", name);
  if (value === undefined) {
    return [
      by === "cookie"
        ? `It brings no cookie ${name}: the answer sets it.`
        : `It has no header ${name}: it sticks to no backend.`,
    ];
  }
  if (by === "header") return [`The header ${name} leads to ${circle(value) ?? "none"}, while that is there.`];
  const { id = "" } = upstream;
  const stuck = upstream.backends.find((one) => !one.drain && stickyValueOf(id, one.name ?? "") === value);
  return [
    stuck === undefined
      ? `Its cookie ${name} leads to no backend that may get it: the answer sets another.`
      : `Its cookie ${name} leads to ${stuck.name}, while that is there.`,
  ];
}

const METHODS = {
  "round-robin": "whose turn it is, by weight",
  random: "two by chance, by weight, and of them the one with fewer requests in flight",
  "least-connections": "who has the fewest requests in flight for its weight",
  "response-time": "of two by chance the one that is likely to answer sooner",
} as const;

function explainBalance(balance: Balance | undefined, asked: Asked, facts: Facts, circle: Circle): string {
  if (balance?.method !== "hash") return `Chosen is ${METHODS[balance?.method ?? "round-robin"]}.`;
  const { on = "client", name = "" } = balance;
  if (on === "client") return "Chosen is who the client's address belongs to on the circle of hashing.";
  const what = on === "path" ? "path" : on === "query" ? `query parameter ${name}` : `${on} ${name}`;
  const places = { header: "headers", cookie: "cookies", query: "query" } as const;
  const key = on === "path" ? asked.target.split("?", 1)[0] : facts.value(places[on], name);
  if (key === undefined) return `Chosen is whose turn it is: it has no ${what}, by which requests are spread.`;
  return `Chosen is who its ${what} belongs to: ${circle(key) ?? "none"}, unless that has a quarter more than its share in flight.`;
}
