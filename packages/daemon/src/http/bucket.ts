import { bucketAccess } from "@skerry/core/auth/access.ts";
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { Permission, Principal } from "@skerry/core/domain/identity.ts";
import type { Bucket } from "@skerry/core/domain/objects.ts";
import type { Entry } from "@skerry/core/domain/store.ts";
import { type BucketEntry, toBucket } from "@skerry/core/storage/buckets.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

const READ_OBJECTS: Permission = { root: "storage", resource: "objects", action: "read" };

export function bucketHandlers(services: Services) {
  const { buckets, store } = services;
  const collection = (call: Call): Collection<Awaited<ReturnType<typeof toView>>> => ({
    kind: "bucket",
    visible: (entry: Entry) => access(services, call.permission, toBucket(entry).bucket)(call.principal) === "allow",
    present: (entry: Entry, current: boolean) => toView(services, toBucket(entry), current),
  });
  return [
    listHandler(store, bucketRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(bucketRoutes.get, async (call, { params }) => {
      return toView(services, await openBucket(services, call, params.name));
    }),

    handle.json(bucketRoutes.create, async (call, { body }) => {
      call.target = `bucket/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await buckets.create({
        name: body.name,
        project,
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        visibility: body.spec?.visibility ?? "private",
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return toView(services, created);
    }),

    handle.json(bucketRoutes.update, async (call, { params, body }) => {
      await openBucket(services, call, params.name);
      const updated = await buckets.update(params.name, {
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        ...(body.spec?.visibility === undefined ? {} : { visibility: body.spec.visibility }),
        ...(body.revision === undefined ? {} : { revision: body.revision }),
      });
      return toView(services, updated);
    }),

    handle.json(bucketRoutes.delete, async (call, { params }) => {
      await openBucket(services, call, params.name);
      await buckets.delete(params.name);
      return undefined;
    }),
  ];
}

/** The bucket, when the route's permission holds on it. @throws what hides or forbids it. */
export async function openBucket(services: Services, call: Call, name: string): Promise<BucketEntry> {
  call.target = `bucket/${name}`;
  return openBucketFor(services, call, name, call.permission);
}

/** The same for another permission. */
export async function openBucketFor(
  services: Services,
  call: Call,
  name: string,
  permission: Permission,
): Promise<BucketEntry> {
  const found = await services.buckets.find(name);
  if (found === undefined) call.hide(`bucket ${name}`);
  const { bucket } = found;
  call.decide(`bucket ${name}`, access(services, permission, bucket), permission);
  return found;
}

/** Whether who asks may read what is in it. */
export function mayReadObjects(services: Services, call: Call, bucket: Bucket): boolean {
  return access(services, READ_OBJECTS, bucket)(call.principal) === "allow";
}

function access(services: Services, permission: Permission, bucket: Bucket) {
  const target = { project: bucket.meta.project, uid: bucket.meta.uid, visibility: bucket.spec.visibility };
  return (principal: Principal) => bucketAccess(services.auth.authorizer, principal, target, permission);
}

/** The totals are those of now: they are not for a bucket as it once was. */
async function toView(services: Services, { bucket, revision }: BucketEntry, current = true) {
  const view = { kind: "bucket" as const, meta: viewMeta(services, bucket.meta, revision), spec: bucket.spec };
  if (!current) return view;
  const { objects, sizeBytes } = await services.index.totals(bucket.meta.uid);
  return { ...view, status: { objects, sizeBytes } };
}
