/** The kinds of resources. Each is loaded when it is asked for. */
import type { Descriptor } from "./descriptor.ts";

const LOADERS = {
  bucket: async () => (await import("../bucket/resource.ts")).bucketResource,
  route: async () => (await import("../route/resource.ts")).routeResource,
  upstream: async () => (await import("../upstream/resource.ts")).upstreamResource,
  certificate: async () => (await import("../certificate/resource.ts")).certificateResource,
  iplist: async () => (await import("../iplist/resource.ts")).ipListResource,
  container: async () => (await import("../container/resource.ts")).containerResource,
  network: async () => (await import("../network/resource.ts")).networkResource,
  volume: async () => (await import("../volume/resource.ts")).volumeResource,
  user: async () => (await import("../user/resource.ts")).userResource,
  project: async () => (await import("../project/resource.ts")).projectResource,
  binding: async () => (await import("../binding/resource.ts")).bindingResource,
  token: async () => (await import("../token/resource.ts")).tokenResource,
  session: async () => (await import("../session/resource.ts")).sessionResource,
} satisfies Record<string, () => Promise<Descriptor>>;

export type ResourceKind = keyof typeof LOADERS;
export const RESOURCE_KINDS = Object.keys(LOADERS) as readonly ResourceKind[];

export function loadDescriptor(kind: ResourceKind): Promise<Descriptor> {
  return LOADERS[kind]();
}
