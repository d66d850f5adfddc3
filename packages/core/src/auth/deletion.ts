/**
 * Removing users and projects. Marked first (`deletingSince`), so that nothing new comes into the project while it is looked
 * at; whoever puts something into a project compares the revision of the project's key in the same transaction. A deletion
 * that was cut short by a crash is finished by the job `auth.expire`.
 */
import { SkerryError } from "../domain/errors.ts";
import type { Binding, Project, User } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import { CLOUD, type Resource } from "../domain/resource.ts";
import type { Compare, Op } from "../domain/store.ts";
import {
  type AuthContext,
  assertRevision,
  commit,
  entriesUnder,
  getOwner,
  getStored,
  type Owner,
  projectKey,
  putOf,
  type Stored,
  storedOf,
  untilDone,
  userKey,
} from "./context.ts";
import { isEnabledAdmin, otherAdmin } from "./last-admin.ts";

function notEmpty(name: string): SkerryError {
  return new SkerryError("conflict/not-empty", `The project ${name} still owns something.`, {
    hint: `Delete what is in it first: skerry bucket ls --project ${name}, skerry route ls --project ${name}`,
  });
}

function unchanged(key: string, stored: Stored<unknown>): Compare {
  return { key, modRevision: stored.revision };
}

function marked<R extends Resource<unknown>>(resource: R, since: string): R {
  return { ...resource, meta: { ...resource.meta, deletingSince: since } };
}

function unmarked<R extends Resource<unknown>>(resource: R): R {
  const { deletingSince: _since, ...meta } = resource.meta;
  return { ...resource, meta };
}

/** @throws as `Users.delete`. */
export async function deleteUser(context: AuthContext, name: string, revision?: number): Promise<void> {
  await untilDone(async () => {
    const owner = await markUser(context, name, revision);
    return owner === undefined ? undefined : finishUser(context, owner);
  });
}

/** Takes everything from the user; undefined when something changed in between. */
async function markUser(context: AuthContext, name: string, revision?: number): Promise<Owner | undefined> {
  const { user, project } = await getOwner(context.store, name);
  assertRevision(user, revision);
  if (user.resource.meta.deletingSince !== undefined) return { user, project };
  const admin = isEnabledAdmin(user.resource) ? [await otherAdmin(context.store, user.resource)] : [];
  // Looked at before anything is taken from the user, and again when nothing new can come.
  if (!(await context.projectIsEmpty(project.resource.meta.uid))) throw notEmpty(name);
  const since = new Date(context.clock.wallMs()).toISOString();
  const next = { user: marked(user.resource, since), project: marked(project.resource, since) };
  const at = await commit(context, {
    compare: [unchanged(userKey(name), user), unchanged(projectKey(name), project), ...admin],
    then: [putOf(userKey(name), next.user), putOf(projectKey(name), next.project)],
  });
  if (at === undefined) return undefined;
  return { user: { resource: next.user, revision: at }, project: { resource: next.project, revision: at } };
}

async function finishUser(context: AuthContext, owner: Owner): Promise<number | undefined> {
  const { user, project } = owner;
  const { name, uid } = user.resource.meta;
  const projectUid = project.resource.meta.uid;
  const compare = [unchanged(userKey(name), user), unchanged(projectKey(name), project)];
  await release(context, project, () => {
    const then = [putOf(userKey(name), unmarked(user.resource)), putOf(projectKey(name), unmarked(project.resource))];
    return commit(context, { compare, then });
  });
  const bindings: Op[] = [];
  for await (const entry of entriesUnder(context.store, "/binding/")) {
    const binding = storedOf<Binding>(entry).resource;
    if (binding.spec.user === uid && binding.meta.project !== projectUid)
      bindings.push({ op: "delete", key: entry.key });
  }
  const batch = LIMITS.store.maxTransactionOps / 2;
  while (bindings.length > batch) await commit(context, { compare, then: bindings.splice(0, batch) });
  return commit(context, {
    compare,
    then: [
      ...bindings,
      { op: "delete-prefix", prefix: `/token/${projectUid}/` },
      { op: "delete-prefix", prefix: `/session/${projectUid}/` },
      { op: "delete-prefix", prefix: `/binding/${projectUid}/` },
      { op: "delete", key: projectKey(name) },
      { op: "delete", key: userKey(name) },
    ],
  });
}

/** When nothing new can come. @throws what keeps it; `restore` has made it as it was then. */
async function release(
  context: AuthContext,
  { resource: { meta } }: Stored<Project>,
  restore: () => Promise<unknown>,
): Promise<void> {
  try {
    if (!(await context.projectIsEmpty(meta.uid))) throw notEmpty(meta.name);
    await context.releaseProject(meta.uid);
  } catch (error) {
    await restore();
    throw error;
  }
}

/** @throws as `Projects.delete`. */
export async function deleteProject(context: AuthContext, name: string, revision?: number): Promise<void> {
  await untilDone(async () => {
    const project = await markProject(context, name, revision);
    return project === undefined ? undefined : finishProject(context, project);
  });
}

async function markProject(
  context: AuthContext,
  name: string,
  revision?: number,
): Promise<Stored<Project> | undefined> {
  const project = await getStored<Project>(context.store, "project", CLOUD, name);
  assertRevision(project, revision);
  if ((await context.store.get(userKey(name))) !== undefined) {
    throw new SkerryError("conflict", `The project ${name} belongs to the user ${name}.`, {
      hint: `It goes with the user: skerry user rm ${name}`,
    });
  }
  if (project.resource.meta.deletingSince !== undefined) return project;
  if (!(await context.projectIsEmpty(project.resource.meta.uid))) throw notEmpty(name);
  const resource = marked(project.resource, new Date(context.clock.wallMs()).toISOString());
  const at = await commit(context, {
    compare: [unchanged(projectKey(name), project)],
    then: [putOf(projectKey(name), resource)],
  });
  return at === undefined ? undefined : { resource, revision: at };
}

async function finishProject(context: AuthContext, project: Stored<Project>): Promise<number | undefined> {
  const { name, uid } = project.resource.meta;
  const compare = [unchanged(projectKey(name), project)];
  await release(context, project, () =>
    commit(context, { compare, then: [putOf(projectKey(name), unmarked(project.resource))] }),
  );
  return commit(context, {
    compare,
    then: [
      { op: "delete-prefix", prefix: `/binding/${uid}/` },
      { op: "delete", key: projectKey(name) },
    ],
  });
}

/** Finishes deletions that began before `beforeMs` (wall time) and were cut short. Returns how many. */
export async function finishDeletions(context: AuthContext, beforeMs: number): Promise<number> {
  let finished = 0;
  for (const project of [...context.view.records.projects()]) {
    const { name, deletingSince } = project.meta;
    if (deletingSince === undefined || Date.parse(deletingSince) >= beforeMs) continue;
    const user: User | undefined = context.view.records.userNamed(name);
    try {
      if (user === undefined) await deleteProject(context, name);
      else await deleteUser(context, name);
      finished += 1;
    } catch (error) {
      context.log.warn({ error, project: name }, "auth: a deletion that was cut short cannot be finished");
    }
  }
  return finished;
}
