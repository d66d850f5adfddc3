/** What the gateway decides about a request, in a few words: the table of the workers finds the route. */
import type { Route } from "../../domain/gateway.ts";
import { whatAnswers, whatChanges } from "../actions/told.ts";
import { explainAccess } from "../guard/access.ts";
import type { NetworkLists } from "../guard/network-lists.ts";
import { Refusal } from "../http1/grammar.ts";
import type { RequestHead } from "../http1/request-head.ts";
import { compileTable, type RouteTable } from "../routing/route-table.ts";
import { percentOf } from "../split/explain.ts";
import type { TableEntry, Upstream } from "../table.ts";

/** A request that came, or that somebody thought of. */
export interface Sample {
  /** As the gateway's parser has read it. */
  readonly head: RequestHead;
  readonly scheme: "http" | "https";
  /** Address that it came from, when that is known. */
  readonly client?: string;
}

export interface Decision {
  /** refused: the gateway says so itself, or the route does not let it in. */
  readonly state: "route" | "refused" | "none";
  readonly route?: string;
  /** `leads to http://10.0.0.7:3000`. */
  readonly text: string;
  /** What is not told here: equal when all else that is done with the request is. */
  readonly entry?: TableEntry;
}

export interface DecisionWorld {
  readonly lists: Pick<NetworkLists, "get">;
  /** By uid. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly httpsPort: number;
  /** Who asks may know of the route. */
  readonly mayRead: (entry: TableEntry) => boolean;
  /** Who asks may know of the backends of its upstream. */
  readonly mayReadUpstream: boolean;
}

const NONE: Decision = { state: "none", text: "no route: 404" };

/** Finds routes for one host after another; a table is made once for each. */
export class Decider {
  readonly #world: DecisionWorld;
  readonly #entriesFor: (host: string) => readonly TableEntry[];
  readonly #tables = new Map<string, RouteTable>();

  constructor(world: DecisionWorld, entriesFor: (host: string) => readonly TableEntry[]) {
    this.#world = world;
    this.#entriesFor = entriesFor;
  }

  decide({ head, scheme, client }: Sample): Decision {
    const found = this.#tableFor(head.host).find(head);
    if (found instanceof Refusal) return { state: "refused", text: `refused: ${found.message}` };
    if (found === undefined || !this.#world.mayRead(found)) return NONE;
    const route = found.name ?? found.id;
    const { guard, actions, upstream } = found;
    if (guard?.access !== undefined && client !== undefined) {
      const { isRefused, why } = explainAccess(guard.access, client, this.#world.lists as NetworkLists);
      if (isRefused) return { state: "refused", route, text: `refused: ${why}`, entry: found };
    }
    const asked = { ...head, scheme };
    const answer = actions && whatAnswers(found, actions, asked, this.#world.httpsPort);
    if (answer !== undefined) return { state: "route", route, text: answer, entry: found };
    const changes = actions === undefined ? [] : whatChanges(found, actions, asked);
    const nowhere = upstream.reason === undefined ? [] : [`nobody answers: ${upstream.reason}`];
    const text = [this.#whereTo(found), ...nowhere, ...changes].join("; ");
    return { state: "route", route, text, entry: found };
  }

  #tableFor(host: string): RouteTable {
    let table = this.#tables.get(host);
    if (table === undefined) {
      table = compileTable(this.#entriesFor(host));
      this.#tables.set(host, table);
    }
    return table;
  }

  #whereTo({ id, upstream, split: rule }: TableEntry): string {
    const { to = "nowhere", split } = this.#world.routes.get(id)?.spec ?? {};
    if (split === undefined) return `leads to ${this.#place(to, upstream)}`;
    const variants = split.variants.map((one, at) => {
      const made = rule?.variants[at]?.upstream;
      const nobody = made?.reason === undefined ? "" : `, nobody answers: ${made.reason}`;
      return `${percentOf(split, one)} to ${this.#place(one.to, made)} (${one.name}${nobody})`;
    });
    return `is split, ${variants.join(", ")}`;
  }

  #place(to: string, upstream: Upstream | undefined): string {
    if (!to.startsWith("upstream/") || !this.#world.mayReadUpstream) return to;
    const names = (upstream?.backends ?? []).flatMap(({ name, drain }) => (name === undefined || drain ? [] : [name]));
    return names.length === 0 ? to : `${to} (${names.join(", ")})`;
  }
}

/** Whether the two say the same, and whether the rest of what is done is the same, too. */
export function compareDecisions(before: Decision, after: Decision): "same" | "settings" | "changed" {
  if (before.text !== after.text || before.route !== after.route || before.state !== after.state) return "changed";
  return JSON.stringify(before.entry) === JSON.stringify(after.entry) ? "same" : "settings";
}
