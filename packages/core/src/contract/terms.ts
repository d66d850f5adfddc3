/** Bounds that a person meets, and what is the same in two spellings, for those who see only the contract. */
export { LIMITS } from "../domain/limits.ts";
export { canonicalAccess } from "../domain/route-access.ts";
export { canonicalLimits } from "../domain/route-limits.ts";
export { canonicalMatch } from "../domain/route-match.ts";
export { canonicalBackends, canonicalBalance, canonicalSticky } from "../domain/upstreams.ts";
