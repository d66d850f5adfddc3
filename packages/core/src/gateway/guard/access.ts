/** Whether a route takes requests from an address. */
import { parseNetwork, readAddress } from "../../domain/networks.ts";
import { type AccessRules, listNamed } from "../../domain/route-access.ts";
import type { NetworkLists } from "./network-lists.ts";
import { NetworkSet } from "./network-set.ts";

/** Of a route, for the worker. */
export interface CompiledAccess {
  /** These alone; absent: all. */
  readonly allow?: Named;
  readonly block?: Named;
}

interface Named {
  readonly networks: readonly string[];
  readonly lists: readonly { readonly id: string; readonly name: string }[];
}

/** `idOf` gives the uid of a list. Text: what is missing, and then nobody may come in. */
export function compileAccess(rules: AccessRules, idOf: (name: string) => string | undefined): CompiledAccess | string {
  const compiled: { allow?: Named; block?: Named } = {};
  for (const which of ["allow", "block"] as const) {
    const entries = rules[which];
    if (entries === undefined) continue;
    const lists: Named["lists"][number][] = [];
    for (const name of entries.flatMap((entry) => listNamed(entry) ?? [])) {
      const id = idOf(name);
      if (id === undefined) return `there is no iplist ${name}`;
      lists.push({ id, name });
    }
    compiled[which] = { networks: entries.filter((entry) => listNamed(entry) === undefined), lists };
  }
  return compiled;
}

/** Networks that stand in the rules themselves, ready to be looked through. */
const ready = new WeakMap<Named, NetworkSet>();

function setOf(named: Named): NetworkSet {
  const known = ready.get(named);
  if (known !== undefined) return known;
  const set = NetworkSet.of(named.networks.flatMap((text) => parseNetwork(text) ?? []));
  ready.set(named, set);
  return set;
}

/** Who cannot be told by an address is refused, and by a list that is not there: better nobody than somebody too many. */
export function refusesAddress({ allow, block }: CompiledAccess, ip: string, lists: NetworkLists): boolean {
  if (!readAddress(ip)) return true;
  if (block !== undefined && holds(block, lists, true)) return true;
  return allow !== undefined && !holds(allow, lists, false);
}

function holds(named: Named, lists: NetworkLists, otherwise: boolean): boolean {
  if (named.networks.length > 0 && setOf(named).hasAddress()) return true;
  for (const { id } of named.lists) if (lists.get(id)?.hasAddress() ?? otherwise) return true;
  return false;
}

/** The same in words. */
export function explainAccess(
  { allow, block }: CompiledAccess,
  ip: string,
  lists: NetworkLists,
): { readonly isRefused: boolean; readonly why: string } {
  if (!readAddress(ip)) return { isRefused: true, why: "it is no address" };
  const blocked = block && whichHolds(block, lists);
  if (blocked !== undefined) return { isRefused: true, why: `it is blocked by ${blocked}: 403 forbidden/address` };
  if (allow === undefined) return { isRefused: false, why: "it is not blocked" };
  const allowed = whichHolds(allow, lists);
  if (allowed !== undefined) return { isRefused: false, why: `it is allowed by ${allowed}` };
  return { isRefused: true, why: "it is not among those that are allowed: 403 forbidden/address" };
}

function whichHolds(named: Named, lists: NetworkLists): string | undefined {
  const own = setOf(named).networkOfAddress();
  if (own !== undefined) return own;
  for (const { id, name } of named.lists) {
    const network = lists.get(id)?.networkOfAddress();
    if (network !== undefined) return `${network} of iplist/${name}`;
  }
  return undefined;
}
