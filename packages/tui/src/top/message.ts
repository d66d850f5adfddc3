/** What the parent of the charts tells them. They know nothing else: neither the client nor its token. */
import type { Sample } from "./metrics.ts";

export type TopMessage =
  | { readonly kind: "sample"; readonly sample: Sample }
  /** The daemon does not answer. Escaped. */
  | { readonly kind: "lost"; readonly reason: string };

/** In the environment of the charts: what stands in the first line (escaped), and whether there are colours. */
export const TITLE_VARIABLE = "SKERRY_TOP_TITLE";
export const COLOR_VARIABLE = "SKERRY_TOP_COLOR";
