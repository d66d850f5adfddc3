/** A field of a form in one line. */
import type { Codec } from "../form/codec.ts";
import type { FormField } from "../form/draft.ts";

export function field(
  path: string,
  label: string,
  codec: Codec,
  hint: string,
  more: Pick<FormField, "fixed" | "when"> = {},
): FormField {
  return { path, label, codec, hint, ...more };
}

/** Only while that field says one of these, or anything. */
export function when(path: string, ...texts: string[]): Pick<FormField, "when"> {
  return { when: [path, ...texts] };
}

export const FIXED = { fixed: true } as const;
