/** Flags that the service commands share. */
import type { Host } from "../../service/host.ts";
import type { ServiceOptions } from "../../service/service.ts";

export const SERVICE_OPTIONS = {
  user: { type: "boolean", describe: "Of your own manager, not of the system's" },
  name: { type: "string", describe: "Name of the unit (default skerry)" },
} as const;

export function serviceOf(host: Host, flags: { user: boolean; name: string | undefined }): ServiceOptions {
  return { host, name: flags.name ?? "skerry", isUser: flags.user };
}
