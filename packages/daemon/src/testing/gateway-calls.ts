/** Calls that tests of changes of the gateway make again and again. */
import assert from "node:assert/strict";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { gatewayRoutes } from "@skerry/core/contract/api/gateway.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import type { RouteBody } from "@skerry/core/contract/route.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import type { TestCluster } from "./test-cluster.ts";

let made = 0;

/** A user with a project of its own, in which nothing has happened. */
export async function newcomer(cluster: TestCluster): Promise<{ client: Client; name: string }> {
  const name = `user-${++made}`;
  const { client } = await cluster.user(name);
  return { client, name };
}

export async function refusal(work: Promise<unknown>): Promise<SkerryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SkerryError, `${error}`);
  return error;
}

type Preview = RouteBody<typeof gatewayRoutes.preview>;
export const preview = (client: Client, body: Preview) => client.call(gatewayRoutes.preview, { body });
export const back = (client: Client, backTo: number, more: object = {}) =>
  client.call(gatewayRoutes.rollback, { body: { backTo, ...more } });
export const newest = async (client: Client) => (await client.call(gatewayRoutes.history, {})).newest;

export const route = (client: Client, name: string, host: string, spec: object = { to: "http://198.51.100.1" }) =>
  client.call(routeRoutes.create, { body: { name, spec: { host, ...spec } } });
export const changeRoute = (client: Client, name: string, spec: object) =>
  client.call(routeRoutes.update, { params: { name }, body: { spec } });
export const upstream = (client: Client, name: string, spec: object = {}) =>
  client.call(upstreamRoutes.create, {
    body: { name, spec: { backends: [{ name: "a", to: "http://198.51.100.9" }], ...spec } },
  });

/** Specs and labels of all that a project has, by kind and name. */
export async function everything(client: Client): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const routes of [routeRoutes, upstreamRoutes, ipListRoutes, certificateRoutes]) {
    for await (const { kind, meta, spec } of client.items(routes.list, {})) {
      found[`${kind}/${meta.name}`] = { spec, labels: meta.labels };
    }
  }
  return found;
}
