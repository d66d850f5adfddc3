import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Call } from "../screens/screen.ts";

/** Does what a screen asked for, and gives what it has made. @throws what the server answered. */
export function makeCall(client: Client, { route, input }: Call, signal: AbortSignal): Promise<unknown> {
  return client.call(route, { ...input, signal });
}
