/** What is said of an image file that is not taken. */
import { isError, SkerryError } from "../domain/errors.ts";

export function refused(why: string, cause?: unknown): SkerryError {
  if (isError(cause, "invalid")) return cause;
  return new SkerryError("invalid", `This is not an image that can be loaded: ${why}.`, {
    hint: "Write one with: docker save -o FILE IMAGE",
    ...(cause === undefined ? {} : { cause }),
  });
}

export function tooLarge(why: string, hint?: string): SkerryError {
  return new SkerryError("invalid/too-large", `The image is too large: ${why}.`, hint === undefined ? {} : { hint });
}
