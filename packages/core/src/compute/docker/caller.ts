/** Calls to Docker's API: each with a deadline, and what goes wrong in our words. */
import { addAbortSignal, type Readable } from "node:stream";
import type Docker from "dockerode";
import { SkerryError } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";
import { portInUse } from "./port-in-use.ts";

/** What dockerode throws: errors of Node, or with the status of the answer. */
interface DockerError extends Error {
  readonly statusCode?: number;
  readonly code?: string;
  readonly json?: { readonly message?: string };
}

/** What the engine says when its disk is full. */
export function isNoRoom(said: string): boolean {
  return /no space left on device|disk quota exceeded/i.test(said);
}

export function noRoom(what: string, said: string, cause?: unknown): SkerryError {
  return new SkerryError("exhausted/disk", `The container engine has no room for the ${what}: ${said}`, {
    hint: "Remove images and containers that nobody needs: skerry image ls, skerry ps.",
    ...(cause === undefined ? {} : { cause }),
  });
}

const ENGINE_HINT =
  "Skerry runs containers with Docker. When it is installed, start it (systemctl start docker, or: service docker start); else: apt-get install docker.io, " +
  "or name its socket with --engine-socket PATH.";

const RIGHT_HINT =
  "Run the daemon as root, or put its user into the group docker (usermod -aG docker USER), which is as good as root, " +
  "and start it again; or name another engine's socket with --engine-socket PATH.";

export class DockerCaller {
  readonly #socketPath: string;
  readonly #clock: Clock;
  #docker: Promise<Docker> | undefined;
  /** It has answered once: what does not answer now is gone for a while, not missing. */
  #seen = false;

  constructor(options: { socketPath: string; clock: Clock }) {
    this.#socketPath = options.socketPath;
    this.#clock = options.clock;
  }

  /** `what` names the thing for errors, e.g. `image busybox`. */
  async call<T>(
    what: string,
    work: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
    timeoutMs: number = LIMITS.compute.engineCallMs,
  ): Promise<T> {
    const ended = new AbortController();
    const late = this.#clock.sleep(timeoutMs, ended.signal).then(
      () => {
        ended.abort();
        throw new SkerryError("unavailable/timeout", `The container engine took longer than ${timeoutMs / 1000} s.`);
      },
      () => new Promise<never>(() => undefined),
    );
    try {
      const docker = await this.#open();
      // An answer that is cut off never comes to its end in dockerode.
      const result = await Promise.race([work(docker, ended.signal), late]);
      this.#seen = true;
      return result;
    } catch (error) {
      throw this.#translate(error, what);
    } finally {
      ended.abort();
    }
  }

  /** The same where there may be none: undefined instead of `not_found`. */
  async find<T>(what: string, work: (docker: Docker, abortSignal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.call(what, work);
    } catch (error) {
      if (error instanceof SkerryError && error.is("not_found")) return undefined;
      throw error;
    }
  }

  /** The body of an answer as it comes. Destroyed with the signal. */
  async stream(
    what: string,
    path: string,
    query: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Readable> {
    const { modem } = await this.#open();
    // One that answers when nobody waits any more must not stay open.
    const given = new AbortController();
    const options = {
      path: `${path}?`,
      method: "GET",
      options: query,
      isStream: true,
      statusCodes: { 200: true, 404: "not found", 409: "conflict", 500: "server error" },
      abortSignal: AbortSignal.any([signal, given.signal]),
    };
    const dial = () =>
      new Promise<Readable>((resolve, reject) => {
        modem.dial(options as never, (error: unknown, stream: unknown) => {
          if (error) reject(error);
          else resolve(stream as Readable);
        });
      });
    const body = await this.call(what, dial).catch((error: unknown) => {
      given.abort();
      throw error;
    });
    // Whoever reads it hears of the error; one that nobody reads must not end the process.
    body.on("error", () => undefined);
    return addAbortSignal(signal, body);
  }

  /** The body; when it breaks off that is said in our words, and when it was given up it just ends. */
  async *readable(body: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const part of body) yield part as Uint8Array;
    } catch (error) {
      if (!signal.aborted) throw this.gone(error);
    }
  }

  /** What a stream broke off with. */
  gone(cause: unknown): SkerryError {
    return this.#translate(cause, "stream");
  }

  #open(): Promise<Docker> {
    // Loaded when it is first needed: who has no containers does not pay for it.
    this.#docker ??= import("dockerode").then(({ default: Client }) => new Client({ socketPath: this.#socketPath }));
    return this.#docker;
  }

  #translate(thrown: unknown, what: string): SkerryError {
    if (thrown instanceof SkerryError) return thrown;
    const error = thrown as DockerError;
    const said = error.json?.message ?? error.message;
    switch (error.statusCode) {
      case undefined:
        return this.#unreachable(error);
      case 400:
        return new SkerryError("invalid", `The container engine refuses the ${what}: ${said}`, { cause: error });
      case 404:
        return new SkerryError("not_found", `The container engine has no such ${what}.`, { cause: error });
      case 409:
        return new SkerryError("conflict", `The container engine cannot do this to the ${what} now: ${said}`, {
          cause: error,
        });
      default:
        if (isNoRoom(said)) return noRoom(what, said, error);
        return (
          portInUse(said, error) ??
          new SkerryError("unavailable/upstream", `The container engine failed at the ${what}: ${said}`, {
            cause: error,
          })
        );
    }
  }

  #unreachable(error: DockerError): SkerryError {
    const missing = error.code === "ENOENT" || error.code === "EACCES" || error.code === "ENOTSOCK";
    if (missing && !this.#seen) {
      if (error.code === "EACCES") {
        const message = `The user that Skerry runs as may not use the container engine at ${this.#socketPath}.`;
        return new SkerryError("unsupported", message, { hint: RIGHT_HINT, cause: error });
      }
      const why = error.code === "ENOENT" ? "there is none" : "it is no socket";
      return new SkerryError("unsupported", `This machine has no container engine at ${this.#socketPath}: ${why}.`, {
        hint: ENGINE_HINT,
        cause: error,
      });
    }
    return new SkerryError("unavailable", `The container engine at ${this.#socketPath} does not answer.`, {
      hint: "Is it running? Containers come back when it does.",
      cause: error,
    });
  }
}
