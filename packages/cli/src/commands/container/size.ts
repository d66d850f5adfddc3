import { SkerryError } from "@skerry/core/contract/errors.ts";

const UNITS = ["", "k", "m", "g", "t"];

/** `256m`, `1.5g`, `1GiB`, `8000000`: bytes, in powers of 1024. @throws `invalid` */
export function parseSize(text: string, flag: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === "") {
    throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is not a size.`, {
      hint: "Write it like 256m or 1.5g.",
    });
  }
  return Math.round(Number(number) * 1024 ** UNITS.indexOf(unit.toLowerCase()));
}
