/** What a container may use, and whether it comes back, as flags. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { RESTARTS } from "@skerry/core/contract/lists.ts";
import { parseSize } from "./size.ts";

export const LIMIT_OPTIONS = {
  cpu: { type: "string", describe: "Cores, e.g. 0.5" },
  memory: { type: "string", describe: "Memory, e.g. 256m" },
  pids: { type: "string", describe: "Processes and threads at once" },
  restart: { type: "string", choices: RESTARTS, describe: "After it ended by itself" },
} as const;

interface LimitFlags {
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
  readonly pids: string | undefined;
  readonly restart: (typeof RESTARTS)[number] | undefined;
}

/** Those that were named, as the API takes them. @throws `invalid` */
export function readLimits({ cpu, memory, pids, restart }: LimitFlags) {
  return {
    ...(cpu === undefined ? {} : { cpu: readNumber(cpu, "--cpu") }),
    ...(memory === undefined ? {} : { memoryBytes: parseSize(memory, "--memory") }),
    ...(pids === undefined ? {} : { pids: readNumber(pids, "--pids") }),
    ...(restart === undefined ? {} : { restart }),
  };
}

function readNumber(text: string, flag: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number)) return number;
  throw new SkerryError("invalid", `${flag}: ${JSON.stringify(text)} is not a number.`);
}
