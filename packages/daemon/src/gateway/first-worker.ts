/** The very first start from a checkout, where nothing is compiled yet. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@skerry/core/domain/limits.ts";

const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/**
 * A process that takes the types out of sources itself keeps 28 MB for what does that, as long as it lives. So when this
 * one had to, a worker is started and let go at once: it leaves what it has compiled in Node's cache, where the workers
 * that stay find it. Nothing depends on it.
 */
export async function compileWorker(): Promise<void> {
  // The launcher names the cache; without one there is nowhere to leave anything.
  if (!hasCompiled() || !process.env["NODE_COMPILE_CACHE"]) return;
  const child = fork(fileURLToPath(WORKER), [], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  // Its control pipe closes, so it ends.
  child.disconnect();
  const ended = once(child, "exit");
  const deadline = setTimeout(() => child.kill("SIGKILL"), LIMITS.gateway.startMs);
  await ended.catch(() => undefined);
  clearTimeout(deadline);
}

/** Whether the part of Node that strips types has been loaded into this process. */
function hasCompiled(): boolean {
  const { moduleLoadList = [] } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList.some((name) => name.includes("internal/deps/amaro"));
}
