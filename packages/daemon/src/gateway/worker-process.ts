/** A worker as the daemon has it: what is said to it, and its end. */
import type { ChildProcess } from "node:child_process";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { accessFileOf } from "@skerry/core/gateway/access/access-log.ts";
import type { ToWorker } from "@skerry/core/gateway/control.ts";

export function send(child: ChildProcess, message: ToWorker): void {
  // What is not delivered is found by the exit that follows.
  if (child.connected) child.send(message, () => undefined);
}

export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** What may be lost: a worker that does not read gets no more of it than a few. */
export function sendIfItReads(
  member: { readonly child: ChildProcess; readonly running: number; unsent: number },
  message: ToWorker,
): void {
  const { child } = member;
  if (!child.connected || member.running < 0 || member.unsent >= LIMITS.guard.maxUnshared) return;
  member.unsent++;
  child.send(message, () => {
    member.unsent--;
  });
}

/** Where the worker of this slot keeps answers, and how many: workers share alike. */
export function cacheFor(
  slot: number,
  { cacheDirectory: directory, workers }: { readonly cacheDirectory?: string; readonly workers: number },
): Pick<Extract<ToWorker, { type: "start" }>, "cache"> {
  const { maxCommonBytes, maxCommonFiles } = LIMITS.actions;
  const share = (of: number) => Math.floor(of / workers);
  return directory === undefined
    ? {}
    : { cache: { directory, slot, maxBytes: share(maxCommonBytes), maxFiles: share(maxCommonFiles) } };
}

/** Where the worker of this slot logs requests. */
export function accessLogFor(
  slot: number,
  { accessLog, workers }: { readonly accessLog?: { directory: string; share: number }; readonly workers: number },
): Pick<Extract<ToWorker, { type: "start" }>, "accessLog"> {
  if (accessLog === undefined) return {};
  const { accessLogBytes, accessFiles, minAccessFileBytes } = LIMITS.gateway;
  const fileBytes = Math.max(minAccessFileBytes, Math.floor(accessLogBytes / workers / accessFiles));
  return { accessLog: { ...accessLog, file: accessFileOf(slot), fileBytes } };
}
