/**
 * The wildcard that decides about a name from which no route leads itself: the longest. A name belongs with all names below
 * it to the project with the nearest claim, so wildcards of others above that are not asked: else they would answer for
 * names of its own, and read the cookies that it sets for them.
 */

/** Routes of a host, all of one project. */
interface Claimed {
  readonly project?: string | undefined;
}

/** `at`: the routes of a host as it is written, `*.example.com` too. */
export function wildcardFor<T extends Claimed>(name: string, at: (host: string) => T | undefined): T | undefined {
  let nearest = at(`*.${name}`);
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
    const wildcard = at(`*${name.slice(dot)}`);
    nearest ??= wildcard ?? at(name.slice(dot + 1));
    if (wildcard !== undefined && wildcard.project === nearest?.project) return wildcard;
  }
  return undefined;
}
