/** The networks of a list, from a file. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { readBytesFile } from "../../prompts/secret-file.ts";
import type { Invocation } from "../command.ts";

export const FILE_OPTION = {
  "from-file": { type: "string", describe: "The file of its networks; - for standard input" },
} as const;

/** @throws `invalid`, `not_found`, `invalid/too-large`. */
export async function readEntries({ terminal }: Invocation, path: string): Promise<string> {
  const bytes = await readBytesFile(path, "--from-file", terminal.stdin, LIMITS.gateway.maxIpListLength);
  return bytes.toString("utf8");
}

export function fileMissing(command: string): SkerryError {
  return new SkerryError("invalid", "--from-file is missing: which networks?", {
    hint: `Like this: skerry iplist ${command} office --from-file networks.txt`,
  });
}
