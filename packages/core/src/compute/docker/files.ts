/** Files into and out of containers, by Docker's archive calls: it resolves paths and links within the container. */
import { Readable } from "node:stream";
import { isError, SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Engine } from "../engine.ts";
import type { DockerCaller } from "./caller.ts";

export function filesOf(caller: DockerCaller): Pick<Engine, "readFiles" | "writeFiles"> {
  return {
    async readFiles(id, path, signal) {
      const body = await caller.stream(`file ${path}`, `/containers/${id}/archive`, { path }, signal);
      return caller.readable(body, signal);
    },
    async writeFiles(id, folder, tar) {
      await caller
        .call(
          `folder ${folder}`,
          async (docker, abortSignal) => {
            const input = Readable.from(tar, { signal: abortSignal });
            const options = { path: folder, noOverwriteDirNonDir: "true", abortSignal };
            await docker.getContainer(id).putArchive(input, options as never);
          },
          LIMITS.compute.copyMs,
        )
        .catch((error: unknown) => {
          // It says 500 also when a folder is where a file would go.
          const why = error instanceof SkerryError && /Error processing tar file.*?: (.*)/s.exec(error.message)?.[1];
          if (!why || isError(error, "exhausted")) throw error;
          throw new SkerryError("invalid", `The files cannot be written to ${folder}: ${why}`, { cause: error });
        });
    },
  };
}
