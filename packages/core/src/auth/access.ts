/** The decisions that are more than one permission: what is hidden, what is only forbidden, and who may see a bucket. */
import type { Authorizer, Decision, Permission, Principal, Target } from "../domain/identity.ts";
import type { Visibility } from "../domain/objects.ts";
import { CLOUD, type Resource } from "../domain/resource.ts";
import type { AuthAuthorizer } from "./principals.ts";

const READ_PROJECT: Permission = { root: "auth", resource: "projects", action: "read" };

/** A password is seen by whoever sees its user. */
function readOf(permission: Permission): Permission {
  const resource = permission.resource === "passwords" ? "users" : permission.resource;
  return { root: permission.root, resource, action: "read" };
}

/**
 * Decides about anything but buckets and objects. What belongs to the whole cloud and has no uid (creating a user, the
 * status of the storage) is no thing that could be hidden: it is forbidden. A whole kind in a project (creating in it) is
 * seen by whoever sees the kind there, or the project.
 */
export function decide(authorizer: Authorizer, principal: Principal, permission: Permission, target: Target): Decision {
  if (principal.kind === "anonymous") return "unauthenticated";
  if (authorizer.allows(principal, permission, target)) return "allow";
  if (authorizer.allows(principal, readOf(permission), target)) return "forbidden";
  if (target.uid !== undefined) return "hidden";
  const project: Target = { project: target.project, uid: target.project };
  return target.project === CLOUD || authorizer.allows(principal, READ_PROJECT, project) ? "forbidden" : "hidden";
}

export interface BucketFacts {
  /** Uid of its project. */
  readonly project: string;
  readonly uid: string;
  readonly visibility: Visibility;
}

/**
 * Decides about a bucket (`storage.buckets:*`) or the objects in it (`storage.objects:*`). private: who has the permission;
 * visible: every user may read, with a credential that may; public: everyone may read. Undefined = there is no such bucket:
 * asked in the same way, so that the answer is the same as for one that is hidden.
 */
export function bucketAccess(
  authorizer: AuthAuthorizer,
  principal: Principal,
  bucket: BucketFacts | undefined,
  permission: Permission,
): Decision {
  const nothing: Decision = principal.kind === "anonymous" ? "unauthenticated" : "hidden";
  if (bucket === undefined) return nothing;
  const target: Target = { project: bucket.project, uid: bucket.uid };
  if (authorizer.allows(principal, permission, target)) return "allow";
  const mayRead = (resource: string): boolean => {
    const read: Permission = { root: "storage", resource, action: "read" };
    if (bucket.visibility === "public") return true;
    if (authorizer.allows(principal, read, target)) return true;
    // What everyone may is still bounded by the scopes of the token that asks.
    return (
      bucket.visibility === "visible" &&
      principal.kind === "user" &&
      authorizer.credentialAllows(principal, read, target)
    );
  };
  if (permission.action === "read" && mayRead(permission.resource)) return "allow";
  if (principal.kind === "anonymous") return "unauthenticated";
  return mayRead("buckets") || mayRead("objects") ? "forbidden" : "hidden";
}

/** What a permission is asked for. A project is its own target; so scopes and bindings of a project reach it. */
export const targetOf = {
  cloud: (): Target => ({ project: CLOUD }),
  /** A whole kind in a project: to create in it. */
  project: (projectUid: string): Target => ({ project: projectUid }),
  resource: (resource: Resource<unknown>): Target => ({
    project: resource.kind === "project" ? resource.meta.uid : resource.meta.project,
    uid: resource.meta.uid,
  }),
} as const;
