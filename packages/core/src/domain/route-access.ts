/** From which addresses a route takes requests. Plain rules; `gateway/guard` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { formatNetwork, type Network, parseNetwork } from "./networks.ts";
import { isName, type Resource } from "./resource.ts";

/** Networks (`10.0.0.0/8`), addresses, and lists of the project (`iplist/office`). `block` wins. */
export interface AccessRules {
  /** These alone. Absent: all. */
  readonly allow?: readonly string[];
  readonly block?: readonly string[];
}

/** Networks under a name, for several routes. */
export interface IpListSpec {
  /** As it was given: networks and addresses between blanks, commas and line breaks; `#` and `;` begin comments. */
  readonly entries: string;
}
export type IpList = Resource<IpListSpec>;

const LIST = "iplist/";
const { maxAccessEntries, maxAccessLists, maxIpListLength, maxIpListNetworks } = LIMITS.gateway;

/** One spelling for what means the same. Undefined when nothing is ruled. @throws `invalid`. */
export function canonicalAccess({ allow, block }: AccessRules): AccessRules | undefined {
  if (allow?.length === 0) {
    throw refuse("access.allow", "A route that allows no address at all is reached by nobody.", "Leave allow out.");
  }
  const rules = {
    ...(allow === undefined ? {} : { allow: canonicalEntries("allow", allow) }),
    ...(block === undefined || block.length === 0 ? {} : { block: canonicalEntries("block", block) }),
  };
  return Object.keys(rules).length === 0 ? undefined : rules;
}

/** Name of the list that an entry stands for; undefined: it is a network. */
export function listNamed(entry: string): string | undefined {
  return entry.startsWith(LIST) ? entry.slice(LIST.length) : undefined;
}

/** The lists that the rules name, each once. */
export function listsIn(rules: AccessRules | undefined): readonly string[] {
  const all = [...(rules?.allow ?? []), ...(rules?.block ?? [])];
  return [...new Set(all.flatMap((entry) => listNamed(entry) ?? []))];
}

function canonicalEntries(which: "allow" | "block", entries: readonly string[]): readonly string[] {
  const field = `access.${which}`;
  if (entries.length > maxAccessEntries) {
    throw refuse(
      field,
      `A route names ${maxAccessEntries} networks and lists at most, not ${entries.length}.`,
      "More of them go into a list: skerry iplist create NAME --from-file FILE",
    );
  }
  const canonical = [...new Set(entries.map((entry) => canonicalEntry(field, entry)))].toSorted();
  if (canonical.filter((entry) => listNamed(entry) !== undefined).length > maxAccessLists)
    throw refuse(field, `A route names ${maxAccessLists} lists at most.`);
  return canonical;
}

function canonicalEntry(field: string, entry: string): string {
  const name = listNamed(entry);
  if (name !== undefined && isName(name)) return entry;
  const network = parseNetwork(entry);
  if (network !== undefined) return formatNetwork(network);
  throw refuse(
    field,
    `${JSON.stringify(entry.slice(0, 80))} is neither a network nor a list.`,
    "Like 192.0.2.7, 10.0.0.0/8, 2001:db8::/32 or iplist/office.",
  );
}

/** What a list holds. @throws `invalid` that names the line, `invalid/too-large`. */
export function parseIpList(text: string): readonly Network[] {
  if (text.length > maxIpListLength) throw tooLarge(`${maxIpListLength} characters`, text.length);
  const networks: Network[] = [];
  for (const { 0: word, index } of text.matchAll(/[#;][^\n]*|[^\s,#;]+/g)) {
    if (word.startsWith("#") || word.startsWith(";")) continue;
    const network = parseNetwork(word);
    if (network === undefined) throw noNetwork(word, text.slice(0, index).split("\n").length);
    if (networks.push(network) > maxIpListNetworks) throw tooLarge(`${maxIpListNetworks} networks`, "more");
  }
  return networks;
}

function noNetwork(word: string, line: number): SkerryError {
  const shown = JSON.stringify(word.slice(0, 80));
  return refuse("spec.entries", `Line ${line}: ${shown} is no network.`, "Like 192.0.2.7 or 2001:db8::/32.");
}

function tooLarge(most: string, given: number | string): SkerryError {
  return new SkerryError("invalid/too-large", `A list has at most ${most}, not ${given}.`, {
    hint: "Make several of it: a route names as many as it needs.",
    details: { field: "spec.entries" },
  });
}

function refuse(field: string, message: string, hint?: string): SkerryError {
  return new SkerryError("invalid", message, { ...(hint === undefined ? {} : { hint }), details: { field } });
}
