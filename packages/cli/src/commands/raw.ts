/** Answers of the API that are shown as they are. */
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import type { Route } from "@skerry/core/contract/route.ts";
import { plainText } from "../output/escape.ts";
import { writeAll } from "../output/terminal.ts";
import { defineCommand } from "./command.ts";

function rawCommand(route: Route, example: string) {
  return defineCommand({
    usage: "",
    args: [0, 0],
    options: {},
    example,
    async run({ client, terminal, signal }) {
      const { body } = await (await client()).download(route, { signal });
      const decoder = new TextDecoder();
      for await (const part of body) await writeAll(terminal.stdout, plainText(decoder.decode(part, { stream: true })));
    },
  });
}

export const metrics = rawCommand(nodeRoutes.metrics, "metrics");
export const openapi = rawCommand(nodeRoutes.openapi, "openapi > openapi.json");
export const ready = rawCommand(nodeRoutes.ready, "health ready");
export const live = rawCommand(nodeRoutes.live, "health live");
