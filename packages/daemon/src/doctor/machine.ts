/** What the checks ask of the machine. Tests put a fault in place of an answer. */
import { execFile, fork } from "node:child_process";
import { constants } from "node:fs";
import { access, lstat, open, readdir, readFile, readlink, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { request } from "@skerry/core/contract/node-http.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { systemCode } from "../data/failure.ts";

export interface FileFacts {
  readonly kind: "file" | "directory" | "link" | "socket" | "other";
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly device: number;
  readonly modifiedMs: number;
}

export interface Space {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  /** 0: the file system has no fixed number of them. */
  readonly totalInodes: number;
  /** Magic number of the file system. */
  readonly type: number;
}

/** What is looked at as a whole. */
export interface LookAt {
  readonly of: "store" | "index";
  /** Absolute path of the file. */
  readonly path: string;
  readonly cluster: string;
  /** Whether the daemon has it open. */
  readonly running: boolean;
  /** Where replicas lie. */
  readonly storage: readonly string[];
}

export interface Look {
  readonly state: "ok" | "damaged" | "unknown";
  /** What was found, or why it is not known; the end of a sentence. */
  readonly what: string;
  /** When it is not known: what helps. Default: another look. */
  readonly todo?: string;
  /** Chunks of objects of which there is no file. Only of the index, while no daemon runs: else that says it. */
  readonly lostChunks?: number;
}

const SOUNDNESS = new URL(import.meta.url.endsWith(".ts") ? "./soundness.ts" : "./soundness.js", import.meta.url);

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A code of the system (`EACCES`, `ENOENT`) where something did not work. */
export interface Machine {
  readonly uid: number;
  readonly nodeVersion: string;
  wallMs(): number;
  /** Undefined: not there. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Undefined: it cannot be read. */
  text(path: string): Promise<string | undefined>;
  names(path: string): Promise<readonly string[]>;
  link(path: string): Promise<string | undefined>;
  space(path: string): Promise<Space>;
  mayUse(path: string): Promise<boolean>;
  /** Undefined: a file that is there can be opened past the page cache. */
  openDirect(path: string): Promise<string | undefined>;
  /** Undefined: somebody could listen there. */
  tryListen(address: { host: string; port: number; reusePort?: boolean }): Promise<string | undefined>;
  /** GET over a unix socket, or from a port. @throws what connecting threw. */
  ask(at: string | Place, path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Standard output; undefined: it is not there, fails, or takes too long. */
  run(program: string, argv: readonly string[]): Promise<string | undefined>;
  /** In a process of its own, which is ended after `LIMITS.doctor.lookMs`. */
  look(at: LookAt): Promise<Look>;
}

export const realMachine: Machine = {
  uid: process.geteuid?.() ?? 0,
  nodeVersion: process.versions.node,
  wallMs: Date.now,
  async stat(path) {
    const found = await lstat(path).catch(unless("ENOENT", "ENOTDIR"));
    if (found === undefined) return undefined;
    const { uid, mode, dev, mtimeMs } = found;
    const kind = found.isSymbolicLink()
      ? "link"
      : found.isDirectory()
        ? "directory"
        : found.isFile()
          ? "file"
          : found.isSocket()
            ? "socket"
            : "other";
    return { kind, uid, mode: mode & 0o7777, device: dev, modifiedMs: mtimeMs };
  },
  text: (path) => readFile(path, "utf8").catch(() => undefined),
  names: (path) => readdir(path).catch(() => []),
  link: (path) => readlink(path).catch(() => undefined),
  async space(path) {
    const { bavail, blocks, bsize, ffree, files, type } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree, totalInodes: files, type };
  },
  mayUse: (path) =>
    access(path, constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    ),
  openDirect: (path) =>
    open(path, constants.O_RDONLY | constants.O_DIRECT).then(
      async (file) => void (await file.close()),
      (error: unknown) => systemCode(error) ?? "unknown",
    ),
  tryListen: ({ host, port, reusePort = false }) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once("error", (error) => resolve(systemCode(error) ?? "unknown"));
      server.listen({ host, port, reusePort, exclusive: true }, () => server.close(() => resolve(undefined)));
    }),
  ask: (at, path) =>
    new Promise((resolve, reject) => {
      // Over a port the API answers only to the name that it has there.
      const where =
        typeof at === "string" ? { socketPath: at, headers: { host: "localhost" } } : { host: at.host, port: at.port };
      const options = { ...where, path, timeout: LIMITS.doctor.askMs };
      const outgoing = request(options, (answer) => {
        const parts: Buffer[] = [];
        let sizeBytes = 0;
        answer.on("data", (part: Buffer) => {
          sizeBytes += part.length;
          if (sizeBytes > LIMITS.doctor.maxAnswerBytes) outgoing.destroy(new Error("The answer is too long."));
          else parts.push(part);
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
        answer.on("error", reject);
      });
      outgoing.on("timeout", () => outgoing.destroy(Object.assign(new Error("It is silent."), { code: "ETIMEDOUT" })));
      outgoing.on("error", reject);
      outgoing.end();
    }),
  run: (program, argv) =>
    new Promise((resolve) => {
      const options = { timeout: LIMITS.doctor.askMs, maxBuffer: LIMITS.doctor.maxAnswerBytes };
      execFile(program, argv, options, (error, stdout) => resolve(error === null ? stdout : undefined));
    }),
  look: (at) =>
    new Promise((resolve) => {
      const timeout = LIMITS.doctor.lookMs;
      const options = {
        stdio: ["ignore", "ignore", "ignore", "ipc"] as "ignore"[],
        timeout,
        killSignal: "SIGKILL",
      } as const;
      const child = fork(fileURLToPath(SOUNDNESS), [], options);
      child.once("message", (found) => resolve(found as Look));
      child.once("error", () => resolve({ state: "unknown", what: "the process for it could not be started" }));
      child.once("exit", (_status, signal) =>
        resolve({
          state: "unknown",
          what: signal === "SIGKILL" ? `it takes longer than ${timeout / 1000} s` : "the process for it ended early",
        }),
      );
      child.send(at, () => undefined);
    }),
};

function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (codes.includes(systemCode(error) ?? "")) return undefined;
    throw error;
  };
}
