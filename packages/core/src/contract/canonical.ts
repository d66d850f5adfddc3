/** Hosts, paths, listeners and targets of routes as the cloud keeps them, for those who see only the contract. */
import { canonicalTarget as canonicalHttpTarget } from "../domain/gateway.ts";
import { formatListener, formatListenerTarget, parseListener, parseListenerTarget } from "../domain/listeners.ts";

export { canonicalHost, canonicalPath } from "../domain/gateway.ts";
export { canonicalActions } from "../domain/route-actions.ts";
export { canonicalCanary } from "../domain/route-canary.ts";
export { canonicalSplit } from "../domain/split-rules.ts";

/** @throws `invalid`. */
export function canonicalListener(text: string): string {
  return formatListener(parseListener(text));
}

/** `listen`: of the route, below HTTP. @throws `invalid`. */
export function canonicalTarget(text: string, listen?: string): string {
  if (listen === undefined) return canonicalHttpTarget(text);
  return formatListenerTarget(parseListenerTarget(text, parseListener(listen).protocol));
}
