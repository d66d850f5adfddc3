/** The files of core that do their own I/O, each with what it may use and why it cannot go through a port. */
import type { Driver } from "./rule-world.ts";

export const DRIVERS: readonly Driver[] = [];
