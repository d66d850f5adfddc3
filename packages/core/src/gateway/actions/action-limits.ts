import type { LIMITS } from "../../domain/limits.ts";

/** Bounds of what routes do, see `LIMITS.actions`. */
export type ActionLimits = { readonly [K in keyof typeof LIMITS.actions]: number };
