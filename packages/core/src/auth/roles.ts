/** What a role gives, as scopes. The rules in words stand in `fixtures/auth/README.md`. */
import type { BindingSpec, Role, Scopes } from "../domain/identity.ts";
import { CLOUD } from "../domain/resource.ts";

const CHANGE = ["read", "create", "update", "delete"] as const;

/** What the role of a user gives in the whole cloud. `member` and `viewer` give nothing there. */
export function cloudRoleScopes(role: Role): Scopes {
  switch (role) {
    case "admin":
      return { "*": ["*"] };
    case "operator":
      return {
        node: ["read"],
        "node.*.jobs": ["update"],
        "node.*.settings": ["update"],
        "node.*.backups": ["create"],
        "storage.*.status": ["read"],
        "storage.*.buckets": ["read"],
        gateway: ["read"],
        // Wildcard hosts.
        "gateway.*.routes": ["any"],
        compute: ["read"],
        "auth.*.projects": ["read"],
      };
    default:
      return {};
  }
}

/** What a binding gives in its project. */
export function projectRoleScopes(role: BindingSpec["role"], project: string): Scopes {
  const actions = role === "member" ? CHANGE : role === "viewer" ? (["read"] as const) : undefined;
  if (actions === undefined) return {};
  return {
    [`storage.${project}`]: actions,
    [`gateway.${project}`]: actions,
    [`compute.${project}`]: actions,
    [`auth.${project}.projects`]: ["read"],
    [`auth.${project}.bindings`]: ["read"],
  };
}

/** What everyone may with what is their own. */
export function ownScopes(userUid: string, project: string): Scopes {
  return {
    [`auth.${CLOUD}.users.${userUid}`]: ["read"],
    [`auth.${CLOUD}.passwords.${userUid}`]: ["update"],
    [`auth.${project}.sessions`]: ["read", "create", "delete"],
    [`auth.${project}.tokens`]: ["read", "create", "delete"],
    [`auth.${project}.projects`]: ["read"],
  };
}

/** The role that a user has in the project of the same name. */
export function ownProjectRole(role: Role): BindingSpec["role"] {
  return role === "viewer" ? "viewer" : "member";
}
