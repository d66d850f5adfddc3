/** How the routes of the gateway as a whole are asked for the matrix. */
import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import type { Subject } from "./matrix-cast.ts";
import type { Fresh, Stage } from "./matrix-fresh.ts";

/** The newest generation stands where a key would. */
async function newestGeneration({ cast, subject }: Stage): Promise<Fresh> {
  const query = { project: subject.project };
  const { newest } = await cast.cluster.admin.call(gatewayRoutes.history, { query });
  return { key: String(newest) };
}

export const GATEWAY_RECIPES = {
  "gateway.log": {
    ghost: ["route", "project"],
    input: ({ route, project }: Subject) => ({ query: { route, project } }),
  },
  // A preview asks for all that the changes would.
  "gateway.preview": {
    ghost: ["project"],
    input: ({ project }: Subject, made: string) => ({
      body: { project, changes: [{ kind: "iplist", name: made, spec: { entries: "192.0.2.0/24" } }] },
    }),
  },
  "gateway.change": {
    ghost: ["project"],
    input: ({ project }: Subject, made: string) => ({
      body: { project, changes: [{ kind: "iplist", name: made, spec: { entries: "192.0.2.0/24" } }] },
    }),
    // Somebody has changed something else meanwhile.
    lawful: 412,
  },
  "gateway.history": { ghost: ["project"], input: ({ project }: Subject) => ({ query: { project } }) },
  "gateway.generation": {
    ghost: ["project"],
    input: ({ key, project }: Subject) => ({
      params: { generation: /^\d+$/.test(key) ? key : "1" },
      query: { project },
    }),
    fresh: newestGeneration,
  },
  // There is no such generation: who may go back is told so.
  "gateway.rollback": {
    ghost: ["project"],
    input: ({ project }: Subject) => ({ body: { project, backTo: 0, newest: 999_999 } }),
    lawful: 412,
  },
} as const;
