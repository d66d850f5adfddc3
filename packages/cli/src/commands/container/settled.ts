/** Waiting for a container to be as it was asked for. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerView, containerRoutes } from "@skerry/core/contract/api/container.ts";
import type { Client } from "@skerry/core/contract/client/client.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Output } from "../../output/output.ts";

/** Resolves when it runs for a moment, or has ended well. @throws `unavailable` with what it said last. */
export async function untilSettled(
  client: Client,
  created: ContainerView,
  signal: AbortSignal,
): Promise<ContainerView> {
  const { name, project, generation } = created.meta;
  const { settleMs, settlePollMs, runMs } = LIMITS.cli;
  const endMs = performance.now() + runMs;
  let runningSince: number | undefined;
  let view = created;
  while (performance.now() < endMs) {
    view = await client.call(containerRoutes.get, { params: { name }, query: { project }, signal });
    const { status } = view;
    const fresh = status?.startedGeneration === generation;
    if (status?.state === "failed" || status?.state === "unknown") throw doesNotRun(view);
    if (fresh && status.restarts > 0) throw doesNotRun(view);
    if (fresh && (status.state === "restarting" || status.state === "exited")) {
      if (status.exitCode === 0 && status.state === "exited") return view;
      throw doesNotRun(view);
    }
    if (fresh && status.state === "running") {
      runningSince ??= performance.now();
      if (performance.now() - runningSince >= settleMs) return view;
    }
    await sleep(settlePollMs, undefined, { signal });
  }
  throw new SkerryError("unavailable/timeout", `The container ${name} did not start in ${runMs / 1000} s.`, {
    hint: `It is tried again: skerry container get ${name}`,
  });
}

/** Resolves when it does not run any more. @throws `unavailable`: the engine is gone, or it takes too long. */
export async function untilStopped(
  client: Client,
  changed: ContainerView,
  signal: AbortSignal,
): Promise<ContainerView> {
  const { name, project } = changed.meta;
  const { settlePollMs, runMs } = LIMITS.cli;
  const endMs = performance.now() + runMs;
  while (performance.now() < endMs) {
    const view = await client.call(containerRoutes.get, { params: { name }, query: { project }, signal });
    if (view.spec.running || view.status?.state === "stopped") return view;
    if (view.status?.state === "unknown") {
      throw notNow(
        view,
        "declared to stop, and cannot be stopped now:",
        "It stays so: it stops when the container engine is back.",
      );
    }
    await sleep(settlePollMs, undefined, { signal });
  }
  throw new SkerryError("unavailable/timeout", `The container ${name} did not stop in ${runMs / 1000} s.`);
}

/** Resolves when it has the limits that it was given; they wait for its start when it does not run. @throws `unavailable`. */
export async function untilLimited(
  client: Client,
  changed: ContainerView,
  signal: AbortSignal,
): Promise<ContainerView> {
  const { name, project, generation } = changed.meta;
  const { cpu, memoryBytes, pids } = changed.spec;
  const { settlePollMs, runMs } = LIMITS.cli;
  const endMs = performance.now() + runMs;
  while (performance.now() < endMs) {
    const view = await client.call(containerRoutes.get, { params: { name }, query: { project }, signal });
    const { state, startedGeneration, limits, reason } = view.status ?? {};
    // Somebody else has changed it since: theirs hold then.
    if (view.meta.generation !== generation) return view;
    if (state === "unknown") {
      throw notNow(
        view,
        "declared so, and cannot be changed now:",
        "It stays so: it holds when the container engine is back.",
      );
    }
    if (state !== "running") return view;
    if (limits?.cpu === cpu && limits.memoryBytes === memoryBytes && limits.pids === pids) return view;
    if (startedGeneration === generation && reason !== undefined) {
      throw notNow(view, "declared so; for now", "It is tried again until it works, or something else is declared.");
    }
    await sleep(settlePollMs, undefined, { signal });
  }
  throw new SkerryError("unavailable/timeout", `The limits of ${name} do not hold after ${runMs / 1000} s.`, {
    hint: `It is tried again: skerry container get ${name}`,
  });
}

/** What was declared stays; what is in its way is in the reason. */
function notNow({ meta, status }: ContainerView, declared: string, hint: string): SkerryError {
  return new SkerryError("unavailable", `The container ${meta.name} is ${declared} ${status?.reason}`, { hint });
}

/** What was done, and of one that has ended well what it said last. */
export async function tellSettled(output: Output, view: ContainerView, word: string): Promise<void> {
  await output.done("container", view.meta.name, word, view);
  const { state, lastLines = [] } = view.status ?? {};
  if (state !== "exited" || lastLines.length === 0 || output.format !== "table") return;
  output.note("It said last:");
  for (const line of lastLines) output.note(`  ${line}`);
}

function doesNotRun(view: ContainerView): SkerryError {
  const { meta, status } = view;
  if (status?.state === "unknown") {
    const hint = `It stays so: it starts when the container engine is back, unless: skerry stop ${meta.name}`;
    return notNow(view, "declared to run, and whether it does cannot be seen now:", hint);
  }
  const why =
    status?.reason ?? (status?.exitCode === undefined ? "it ended" : `it ended with exit code ${status.exitCode}`);
  const said = status?.lastLines ?? [];
  const lines = said.length === 0 ? "It said nothing." : `It said last:\n${said.map((line) => `  ${line}`).join("\n")}`;
  if (status?.state === "failed") {
    return new SkerryError("unavailable", `The container ${meta.name} is declared, and cannot be started: ${why}`, {
      hint: `It is tried again until it works, or until it goes: skerry container rm ${meta.name}`,
    });
  }
  return new SkerryError("unavailable", `The container ${meta.name} is there, and does not stay up: ${why}`, {
    hint: `${lines}\nskerry logs ${meta.name} shows more; skerry container rm ${meta.name} removes it.`,
  });
}
