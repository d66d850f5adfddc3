/** A published port that is not free, as Docker tells of it. */
import { SkerryError } from "../../domain/errors.ts";

/** Another container has it. */
const ALLOCATED = /Bind for (\S+?):(\d{1,5}) failed: port is already allocated/;
/** Another program has it. */
const BOUND = /listen (?:tcp|udp)[46]? (\S+?):(\d{1,5}): bind: address already in use/;

/** Undefined: what Docker says is about something else. */
export function portInUse(said: string, cause: unknown): SkerryError | undefined {
  const allocated = ALLOCATED.exec(said);
  const [, host = "", port = ""] = allocated ?? BOUND.exec(said) ?? [];
  if (port === "") return undefined;
  const [who, where] =
    allocated === null ? ["another program", "ss -ltnp shows which"] : ["another container", "docker ps shows which"];
  return new SkerryError("unavailable/upstream", `The port ${port} of ${host} is taken: ${who} has it.`, {
    hint: `Publish on another port (--publish HERE:PORT; PORT alone takes any free one), or free it: ${where}.`,
    cause,
  });
}
