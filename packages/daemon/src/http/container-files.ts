import { readFiles, writeFiles } from "@skerry/core/compute/files.ts";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { handle } from "@skerry/core/contract/dispatch/dispatcher.ts";
import { openContainer } from "./container.ts";
import type { Services } from "./services.ts";

export function containerFileHandlers(services: Services) {
  const { compute } = services;
  return [
    handle.download(containerRoutes.readFiles, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      const id = await compute.engineContainer(container.meta.uid);
      const body = await readFiles(compute.engine, id, query.path, call.signal);
      return { status: 200, headers: { "content-type": "application/x-tar", "cache-control": "no-store" }, body };
    }),

    handle.json(containerRoutes.writeFiles, async (call, { params, query }) => {
      const { container } = await openContainer(services, call, params.name, query.project);
      const id = await compute.engineContainer(container.meta.uid);
      return writeFiles(compute.engine, id, query.path, call.request.body);
    }),
  ];
}
