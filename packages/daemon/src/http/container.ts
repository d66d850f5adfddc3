import { targetOf } from "@skerry/core/auth/access.ts";
import { statusOwner } from "@skerry/core/compute/cache.ts";
import type { ContainerEntry } from "@skerry/core/compute/containers.ts";
import type { Exec, ExecPlan } from "@skerry/core/compute/engine.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import type { ApiResponse } from "@skerry/core/contract/dispatch/exchange.ts";
import type { Container } from "@skerry/core/domain/compute.ts";
import { isError, SkerryError } from "@skerry/core/domain/errors.ts";
import type { Resource } from "@skerry/core/domain/resource.ts";
import { type Collection, listHandler } from "./collection.ts";
import { projectOf, viewMeta } from "./meta.ts";
import type { Services } from "./services.ts";

export function containerHandlers(services: Services) {
  const { compute, store } = services;
  const { containers } = compute;
  const collection = (call: Call): Collection<ReturnType<typeof toView>> => ({
    kind: "container",
    statusOf: statusOwner,
    visible: (entry) => call.allows(call.permission, targetOf.resource(entry.value as unknown as Resource<unknown>)),
    present: async (entry) => toView(services, await containers.withStatus(entry)),
  });
  return [
    listHandler(store, containerRoutes.list, collection, (call, { project }) => projectOf(services, call, project)),

    handle.json(containerRoutes.get, async (call, { params, query }) => {
      return toView(services, await openContainer(services, call, params.name, query.project));
    }),

    handle.json(containerRoutes.create, async (call, { body }) => {
      call.target = `container/${body.name}`;
      const project = projectOf(services, call, body.project) ?? call.principal.projectUid;
      call.authorize({ project }, body.project === undefined ? "your project" : `project ${body.project}`);
      const created = await containers.create({
        name: body.name,
        project,
        projectName: services.auth.projects.find(project)?.meta.name ?? "",
        spec: withoutUndefined(body.spec),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
      return toView(services, created);
    }),

    handle.json(containerRoutes.update, async (call, { params, query, body }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      const { project, name } = container.meta;
      const change = {
        ...withoutUndefined(body.spec ?? {}),
        ...withoutUndefined({ labels: body.labels, revision: body.revision }),
      };
      return toView(services, await containers.update(project, name, change));
    }),

    handle.json(containerRoutes.delete, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      const { project, name } = container.meta;
      await containers.delete(project, name);
      await compute.untilGone(project, name);
      return undefined;
    }),

    handle.download(containerRoutes.logs, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      return readLogs(services, call, container, query);
    }),

    handle.terminal(containerRoutes.exec, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      const { command, tty, columns, rows } = query;
      const plan = { command, tty: tty === "1", ...withoutUndefined({ columns, rows }) };
      return () => execIn(services, container, plan);
    }),

    handle.json(containerRoutes.stats, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      return compute.engine.usage(await engineIdOf(services, container));
    }),
  ];
}

/** @throws `conflict` that says how to start it when it does not run. */
async function execIn(services: Services, container: Container, plan: ExecPlan): Promise<Exec> {
  const id = await engineIdOf(services, container);
  return services.compute.engine.exec(id, plan).catch((error: unknown) => {
    throw isError(error, "conflict") && NOT_RUNNING.test(error.message) ? doesNotRun(container) : error;
  });
}

/** Docker's words. */
const NOT_RUNNING = /is not running|is restarting/;

function doesNotRun({ meta, status, spec }: Container): SkerryError {
  const comesBack = spec.running && status?.state !== "exited";
  const why = status?.reason === undefined ? "" : `: ${status.reason}`;
  const hint = comesBack
    ? `It is started again by itself. skerry logs ${meta.name} shows what it said.`
    : `Start it first: skerry start ${meta.name}`;
  return new SkerryError("conflict", `The container ${meta.name} does not run${why}`.replace(/\.?$/, "."), { hint });
}

/** @throws `conflict` that says why there is none yet. */
async function engineIdOf({ compute }: Services, { meta, status }: Container): Promise<string> {
  try {
    return await compute.engineContainer(meta.uid);
  } catch (error) {
    if (!isError(error, "conflict")) throw error;
    const why = status?.reason === undefined ? "" : `: ${status.reason}`;
    throw new SkerryError(
      "conflict",
      `The container ${meta.name} has not been started yet${why}`.replace(/\.?$/, "."),
      {
        hint: `skerry container get ${meta.name} shows how it is.`,
        cause: error,
      },
    );
  }
}

async function readLogs(
  services: Services,
  call: Call,
  container: Container,
  query: {
    follow?: "1" | undefined;
    timestamps?: "1" | undefined;
    tail?: number | undefined;
    since?: string | undefined;
  },
): Promise<ApiResponse> {
  const id = await engineIdOf(services, container);
  const body = await services.compute.engine.logs(id, {
    follow: query.follow === "1",
    timestamps: query.timestamps === "1",
    ...(query.tail === undefined ? {} : { tail: query.tail }),
    ...(query.since === undefined ? {} : { sinceSeconds: Date.parse(query.since) / 1000 }),
    signal: call.signal,
  });
  return {
    status: 200,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      // What containers write must not act on this origin when a browser opens it.
      "content-security-policy": "sandbox; default-src 'none'",
    },
    body,
  };
}

/** The container, when the route's permission holds on it. @throws what hides or forbids it. */
export async function openContainer(
  services: Services,
  call: Call,
  name: string,
  projectName: string | undefined,
): Promise<ContainerEntry> {
  call.target = `container/${name}`;
  const project = projectOf(services, call, projectName) ?? call.principal.projectUid;
  const found = project === "" ? undefined : await services.compute.containers.find(project, name);
  if (found === undefined) call.hide(`container ${name}`);
  call.authorize(targetOf.resource(found.container), `container ${name}`);
  return found;
}

function toView(services: Services, { container, revision }: ContainerEntry) {
  const { meta, status } = container;
  const { runGeneration: _, ownImage: __, networkUid: ___, ...spec } = container.spec;
  return {
    kind: "container" as const,
    meta: viewMeta(services, meta, revision),
    spec: {
      ...spec,
      command: [...spec.command],
      env: { ...spec.env },
      volumes: [...spec.volumes],
      publish: [...spec.publish],
    },
    ...(status === undefined ? {} : { status: toStatus(status) }),
  };
}

function toStatus(status: NonNullable<ContainerEntry["container"]["status"]>) {
  const { limits, ports, lastLines, ...rest } = status;
  return {
    ...rest,
    ...(limits === undefined ? {} : { limits: { ...limits } }),
    ...(ports === undefined ? {} : { ports: { ...ports } }),
    ...(lastLines === undefined ? {} : { lastLines: [...lastLines] }),
  };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** What was not given is left out. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}
