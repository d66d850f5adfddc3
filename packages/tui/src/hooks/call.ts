import type { Client } from "@skerry/core/contract/client/client.ts";
import type { Call } from "../screens/screen.ts";

/** Does what a screen asked for. @throws what the server answered. */
export async function makeCall(client: Client, { route, input }: Call, signal: AbortSignal): Promise<void> {
  await client.call(route, { ...input, signal });
}
