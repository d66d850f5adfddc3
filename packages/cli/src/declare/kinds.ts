/** What can be declared, in the order in which it is applied: what others need comes before them. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { certificateRoutes } from "@skerry/core/contract/api/certificate.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { networkRoutes } from "@skerry/core/contract/api/network.ts";
import { bindingRoutes, projectRoutes } from "@skerry/core/contract/api/project.ts";
import { routeRoutes } from "@skerry/core/contract/api/route.ts";
import { upstreamRoutes } from "@skerry/core/contract/api/upstream.ts";
import { userRoutes } from "@skerry/core/contract/api/user.ts";
import { volumeRoutes } from "@skerry/core/contract/api/volume.ts";
import type { Route } from "@skerry/core/contract/route.ts";

export const DECLARED_KINDS = [
  "user",
  "project",
  "binding",
  "volume",
  "network",
  "bucket",
  "container",
  "certificate",
  "upstream",
  "iplist",
  "route",
] as const;
export type DeclaredKind = (typeof DECLARED_KINDS)[number];

interface KindRules {
  /** Absent: found in the list by its name. */
  readonly get?: Route;
  readonly list: Route;
  readonly create: Route;
  readonly update?: Route;
  readonly delete: Route;
  /** Whose body a declaration must fit. */
  readonly schema: Route;
  /** Whether one belongs to a project that may be named. */
  readonly ofProject: boolean;
  /** Whether its name is its own only within its project. */
  readonly namedByProject: boolean;
  /** Whether what cannot be changed is removed and created anew. Only where nothing is lost that was not meant to be. */
  readonly replaceable: boolean;
  /** Whether creating one that is there changes it. */
  readonly createChanges?: true;
  /** It has nothing to declare besides its name and labels: creating one takes no spec. */
  readonly hasNoSpec?: true;
  /** Fields that the cloud takes and never shows; they change with the rest of the spec, never alone. */
  readonly secret?: readonly string[];
}

type Routes = Pick<KindRules, "get" | "list" | "create" | "update" | "delete">;
const inProject = { ofProject: true, namedByProject: true, replaceable: false } as const;
const ofCloud = { ofProject: false, namedByProject: false, replaceable: false } as const;

export const KIND_RULES: Readonly<Record<DeclaredKind, KindRules>> = {
  user: { ...(userRoutes as unknown as Routes), ...ofCloud, schema: userRoutes.update as Route },
  project: { ...(projectRoutes as unknown as Routes), ...ofCloud, schema: projectRoutes.create as Route },
  binding: {
    ...(bindingRoutes as unknown as Routes),
    ...inProject,
    schema: bindingRoutes.create as Route,
    createChanges: true,
  },
  volume: {
    ...(volumeRoutes as unknown as Routes),
    ...inProject,
    hasNoSpec: true,
    schema: volumeRoutes.create as Route,
  },
  network: {
    ...(networkRoutes as unknown as Routes),
    ...inProject,
    hasNoSpec: true,
    schema: networkRoutes.create as Route,
  },
  bucket: {
    ...(bucketRoutes as unknown as Routes),
    ...inProject,
    namedByProject: false, // unique in the whole cloud
    schema: bucketRoutes.create as Route,
  },
  container: {
    ...(containerRoutes as unknown as Routes),
    ...inProject,
    // What must outlive a container lies in volumes.
    replaceable: true,
    schema: containerRoutes.create as Route,
  },
  certificate: {
    ...(certificateRoutes as unknown as Routes),
    ...inProject,
    // It fits its certificate: another key is another certificate.
    secret: ["key"],
    schema: certificateRoutes.create as Route,
  },
  upstream: { ...(upstreamRoutes as unknown as Routes), ...inProject, schema: upstreamRoutes.create as Route },
  iplist: { ...(ipListRoutes as unknown as Routes), ...inProject, schema: ipListRoutes.create as Route },
  route: { ...(routeRoutes as unknown as Routes), ...inProject, schema: routeRoutes.create as Route },
};
