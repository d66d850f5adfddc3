/** Who asks, and what they may. Evaluated by `auth/`; named by routes, tokens and role bindings. */
import type { Resource } from "./resource.ts";

/** Roots of the permission tree and the resources under each. Closed: an unknown one in a scope is `invalid`. */
export const PERMISSION_TREE = {
  auth: ["users", "passwords", "sessions", "tokens", "projects", "bindings", "audit"],
  storage: ["buckets", "objects", "status"],
  node: ["status", "metrics", "settings", "jobs", "backups"],
  gateway: ["routes", "upstreams", "ports", "certificates", "iplists"],
  compute: ["containers", "volumes", "networks", "images"],
} as const satisfies Record<string, readonly string[]>;

export type Root = keyof typeof PERMISSION_TREE;
export const ACTIONS = ["read", "create", "update", "delete", "any"] as const;
export type Action = (typeof ACTIONS)[number];

/** What a route needs: `<root>.<resource>:<action>`, in the project that the resource belongs to. */
export interface Permission {
  readonly root: Root;
  readonly resource: string;
  readonly action: Action;
}

/** One thing that a permission is asked for. `project` is a uid or `cloud`. */
export interface Target {
  readonly project: string;
  /** Uid of the single resource; absent for a whole kind (create, list). */
  readonly uid?: string;
}

/**
 * A scope: path -> actions, cascading downwards. Path: `*` (everything) | `<root>` (in all projects and the cloud) |
 * `<root>.<project uid | cloud>` | `<root>.<project>.<resource>` | `<root>.<project>.<resource>.<uid>`; project and resource
 * may be `*`. Actions: a list of `ACTIONS`, or `*`. Scopes hold uids, never names.
 */
export type Scopes = Readonly<Record<string, readonly (Action | "*")[]>>;

export const ROLES = ["admin", "operator", "member", "viewer"] as const;
export type Role = (typeof ROLES)[number];

export interface UserSpec {
  /** Role in the cloud. `member` and `viewer` give nothing cloud-wide; everyone has a binding on the own project. */
  readonly role: Role;
  readonly disabled: boolean;
  /** PHC string of argon2id. Never leaves `auth/`. */
  readonly passwordHash?: string;
}
export type User = Resource<UserSpec>;

export interface ProjectSpec {
  readonly description: string;
}
export type Project = Resource<ProjectSpec>;

/** Gives a user a role in one project. Its `meta.project` is that project. */
export interface BindingSpec {
  readonly user: string;
  readonly role: Exclude<Role, "admin" | "operator">;
}
export type Binding = Resource<BindingSpec>;

/** A token of a user: may do what both its scopes and its user may. `meta.project` is the user's own project. */
export interface TokenSpec {
  readonly user: string;
  /** SHA-256 of the secret part, hex. Never leaves `auth/`. */
  readonly secretHash: string;
  /** Absent: all that its user may. */
  readonly scopes?: Scopes;
  /** ISO 8601; absent: does not expire. */
  readonly expiresAt?: string;
  /** Uid of the token that asked for it; it goes when that one goes. Absent: a session asked. Never leaves `auth/`. */
  readonly madeBy?: string;
}
export type Token = Resource<TokenSpec>;

/** Who asks. Made by `auth/` only. */
export interface Principal {
  readonly kind: "user" | "anonymous";
  /** Uid of the user; `anonymous` for nobody. */
  readonly userUid: string;
  readonly userName: string;
  readonly role: Role | "none";
  /** Uid of the user's own project; `""` for nobody. */
  readonly projectUid: string;
  /** The session or token it came with. */
  readonly credential?: { readonly kind: "session" | "token"; readonly uid: string; readonly name: string };
  /**
   * Aborts, with the reason, when the credential is revoked or expires, or the user's permissions change: long streams
   * end or are authorised again.
   */
  readonly changed: AbortSignal;
}

/** The port through which everything asks `auth/`. Synchronous: answered from memory, pushed by watch. */
export interface Authorizer {
  allows(principal: Principal, permission: Permission, target: Target): boolean;
  /**
   * Uids of the projects in which the principal may do it on every resource; `all` when everywhere. For lists.
   */
  projectsFor(principal: Principal, permission: Permission): ReadonlySet<string> | "all";
}

/**
 * allow            go on
 * forbidden        may be read, but not this
 * hidden           may not be read, so it does not exist (`not_found`)
 * unauthenticated  nobody asked: the same whether it exists or not
 */
export type Decision = "allow" | "forbidden" | "hidden" | "unauthenticated";

/** Decides about one thing. Made by `auth/`, asked by the dispatcher. */
export type Decide = (principal: Principal, permission: Permission, target: Target) => Decision;
