import { SkerryError } from "@skerry/core/contract/errors.ts";

/** @throws `invalid` */
export function readNumber(text: string, flag: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is not a number.`);
}
