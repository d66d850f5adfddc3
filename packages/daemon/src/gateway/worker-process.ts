/** A worker as the daemon has it: what is said to it, and its end. */
import type { ChildProcess } from "node:child_process";
import type { ToWorker } from "@skerry/core/gateway/control.ts";

export function send(child: ChildProcess, message: ToWorker): void {
  // What is not delivered is found by the exit that follows.
  if (child.connected) child.send(message, () => undefined);
}

export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
