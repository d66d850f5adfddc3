/** The place of a route as people write it in one word. */

/** `HOST`, `HOST/PATH`, or a listener such as `tcp://:5432`. What is wrong with it the cloud says. */
export function placeOf(text: string): { host: string; path?: string } | { listen: string } {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return { listen: text };
  const [, host = "", path] = /^([^/]*)(\/.*)?$/s.exec(text) ?? [];
  return { host, ...(path === undefined ? {} : { path }) };
}
