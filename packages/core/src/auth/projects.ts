/** Projects of teams, and who has which role in a project. */
import { SkerryError } from "../domain/errors.ts";
import type { Binding, BindingSpec, Principal, Project, User } from "../domain/identity.ts";
import { CLOUD, newMeta, resourceKey, touchMeta } from "../domain/resource.ts";
import {
  type AuthContext,
  assertNotDeleting,
  commit,
  getStored,
  type ListInput,
  listPublic,
  notFound,
  projectKey,
  putOf,
  type Stored,
  type StoredPage,
  storedOf,
  untilDone,
  userKey,
} from "./context.ts";
import { deleteProject } from "./deletion.ts";
import { assertMayGive } from "./grants.ts";
import { projectRoleScopes } from "./roles.ts";
import { assertFreeName, bindingPut } from "./users.ts";

export interface NewProject {
  readonly name: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Projects {
  /** A team's. @throws `invalid`, `conflict/exists` when a user or a project has the name. */
  create(input: NewProject): Promise<Stored<Project>>;
  /** @throws `not_found`. */
  get(name: string): Promise<Stored<Project>>;
  /** By name or uid, from memory. */
  find(nameOrUid: string): Project | undefined;
  list(input?: ListInput): Promise<StoredPage<Project>>;
  /**
   * With its bindings. @throws `not_found`, `conflict/precondition`, `conflict` for a user's own, `conflict/not-empty`
   * while it owns something.
   */
  delete(name: string, options?: { readonly revision?: number }): Promise<void>;
  /**
   * Replaces the role before. `by`: who asks; absent: the daemon itself. @throws `invalid` (role), `not_found`, `conflict`
   * for the user's own project, `forbidden` (a role beyond the scopes of the token that asks).
   */
  bind(project: string, user: string, role: BindingSpec["role"], by?: Principal): Promise<Stored<Binding>>;
  /** @throws `not_found`, `conflict` for the user's own project. */
  unbind(project: string, user: string): Promise<void>;
  /** Bindings of one project (uid), or of all. The name of a binding is the user's. */
  bindings(projectUid?: string, input?: ListInput): Promise<StoredPage<Binding>>;
}

async function createProject(context: AuthContext, input: NewProject): Promise<Stored<Project>> {
  const { name, description = "", labels } = input;
  assertFreeName(name, "project");
  const meta = newMeta({ name, project: CLOUD, ...(labels === undefined ? {} : { labels }) }, context);
  const resource: Project = { kind: "project", meta, spec: { description } };
  const revision = await commit(context, {
    compare: [
      { key: projectKey(name), modRevision: 0 },
      { key: userKey(name), modRevision: 0 },
    ],
    then: [putOf(projectKey(name), resource)],
  });
  if (revision !== undefined) return { resource, revision };
  throw new SkerryError("conflict/exists", `The name ${name} is taken by a user or a project.`);
}

function assertNotOwn(project: string, user: string): void {
  if (project !== user) return;
  throw new SkerryError("conflict", `The role of ${user} in the own project follows the user's role.`, {
    hint: `Change that: skerry user update ${user} --role ...`,
  });
}

async function bind(
  context: AuthContext,
  projectName: string,
  userName: string,
  role: BindingSpec["role"],
  by: Principal | undefined,
): Promise<Stored<Binding>> {
  if (role !== "member" && role !== "viewer") {
    throw new SkerryError("invalid", "The role in a project is member or viewer.", { details: { field: "role" } });
  }
  return untilDone(async () => {
    const project = await getStored<Project>(context.store, "project", CLOUD, projectName);
    const user = await getStored<User>(context.store, "user", CLOUD, userName);
    assertNotOwn(projectName, userName);
    assertNotDeleting(project.resource);
    assertNotDeleting(user.resource);
    const uid = project.resource.meta.uid;
    const key = resourceKey("binding", uid, userName);
    const existing = await context.store.get(key);
    const before = existing === undefined ? undefined : storedOf<Binding>(existing).resource;
    assertMayGive(context, by, {
      what: `the role ${role} gives in the project ${projectName}`,
      given: [projectRoleScopes(role, uid)],
      held: before?.spec.user === user.resource.meta.uid ? [projectRoleScopes(before.spec.role, uid)] : [],
      field: "role",
    });
    const put =
      before === undefined
        ? bindingPut({ project: uid, user: user.resource, role }, context)
        : putOf(key, {
            ...before,
            meta: touchMeta(before.meta, context.clock),
            spec: { user: user.resource.meta.uid, role },
          });
    const revision = await commit(context, {
      compare: [
        { key: projectKey(projectName), modRevision: project.revision },
        { key: userKey(userName), modRevision: user.revision },
        { key, modRevision: existing?.modRevision ?? 0 },
      ],
      then: [put],
    });
    return revision === undefined ? undefined : { resource: put.value as unknown as Binding, revision };
  });
}

async function unbind(context: AuthContext, projectName: string, userName: string): Promise<void> {
  const project = await getStored<Project>(context.store, "project", CLOUD, projectName);
  assertNotOwn(projectName, userName);
  const key = resourceKey("binding", project.resource.meta.uid, userName);
  await untilDone(async () => {
    const existing = await context.store.get(key);
    if (existing === undefined) throw notFound("binding", userName);
    return commit(context, {
      compare: [{ key, modRevision: existing.modRevision }],
      then: [{ op: "delete", key }],
    });
  });
}

export function createProjects(context: AuthContext): Projects {
  const { store, view } = context;
  return {
    create: (input) => createProject(context, input),
    get: (name) => getStored<Project>(store, "project", CLOUD, name),
    find: (nameOrUid) => view.records.projectNamed(nameOrUid) ?? view.records.project(nameOrUid),
    list: (input = {}) => listPublic<Project>(store, `/project/${CLOUD}/`, input),
    delete: (name, options = {}) => deleteProject(context, name, options.revision),
    bind: (project, user, role, by) => bind(context, project, user, role, by),
    unbind: (project, user) => unbind(context, project, user),
    bindings: (projectUid, input = {}) =>
      listPublic<Binding>(store, projectUid === undefined ? "/binding/" : `/binding/${projectUid}/`, input),
  };
}
