/** The path that an upstream is asked for instead of the one that came. */
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Rewrite } from "../../domain/route-actions.ts";
import { generousReadings } from "../routing/path-reading.ts";
import { Captures } from "../routing/regex/captures.ts";

const STRANGE = new SkerryError("invalid", "The path cannot be rewritten: it could be read as another one then.");
const TOO_LONG = new SkerryError("invalid/target", "The path is too long when it is rewritten.");
/** `$1`, `$&` for all that has matched, `$$` for the character. */
const REFERENCE = /\$([1-9]|&|\$)/g;

/** Gives the target to ask for, its query as it came. `*` stays. */
export type Rewriter = (target: string) => string | SkerryError;

/** `routePath`: the prefix that the route takes. @throws `invalid` when the pattern cannot be used. */
export function createRewriter(rewrite: Rewrite, routePath: string): Rewriter {
  const change = changeOf(rewrite, routePath);
  return (target) => {
    if (target === "*") return target;
    const at = target.indexOf("?");
    const path = at < 0 ? target : target.slice(0, at);
    const next = change(path);
    if (next === path) return target;
    if (next.length > LIMITS.proxy.maxTargetBytes) return TOO_LONG;
    // It is put behind the path that the route leads to, and must not lead out of it; two slashes would name a host.
    const safe = next.replace(/^\/*/, "/");
    if (generousReadings(safe) === undefined) return STRANGE;
    return at < 0 ? safe : safe + target.slice(at);
  };
}

function changeOf({ path, prefix, regex, with: template = "" }: Rewrite, routePath: string): (path: string) => string {
  if (path !== undefined) return () => path;
  if (prefix !== undefined) {
    const used = routePath === "/" ? 0 : routePath.length;
    const before = prefix.replace(/\/$/, "");
    return (asked) => (asked.startsWith(routePath) ? before + asked.slice(used) || "/" : asked);
  }
  const captures = new Captures(regex ?? "");
  assertTemplate(template, captures.groups);
  return (asked) => {
    const found = captures.exec(asked);
    if (found === undefined) return asked;
    const [from = 0, to = 0] = found;
    const taken = template.replace(REFERENCE, (_, what: string) => {
      if (what === "$") return "$";
      const slot = what === "&" ? 0 : 2 * Number(what);
      const begin = found[slot] as number;
      return begin < 0 ? "" : asked.slice(begin, found[slot + 1]);
    });
    return asked.slice(0, from) + taken + asked.slice(to);
  };
}

function assertTemplate(template: string, groups: number): void {
  const missing = [...template.matchAll(REFERENCE)].find(([, what]) => Number(what) > groups)?.[0];
  const refuse = (message: string, hint: string) =>
    new SkerryError("invalid", message, { hint, details: { field: "rewrite.with" } });
  if (groups > LIMITS.actions.maxRewriteGroups) {
    throw refuse(
      `The pattern has ${groups} groups, and ${LIMITS.actions.maxRewriteGroups} is the most.`,
      "Say (?: ) for some.",
    );
  }
  if (missing !== undefined) {
    throw refuse(`${missing} means a group that the pattern does not have: it has ${groups}.`, "Count the ( from 1.");
  }
}
