/** How what a route says is refused. */
import { SkerryError } from "./errors.ts";

/** `field`: below `spec`. */
export function refuse(field: string, message: string): SkerryError {
  return new SkerryError("invalid", message, {
    hint: "skerry route create --help tells what can be said.",
    details: { field: `spec.${field}` },
  });
}

/** @throws `invalid` unless it is a whole number of these. */
export function assertWithin(field: string, unit: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refuse(field, `It is ${least} to ${most} ${unit} here, not ${value}.`);
}
