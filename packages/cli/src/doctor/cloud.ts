/** What the running daemon says of itself, to who may ask: problems, jobs that fail, its version. */
import { nodeRoutes } from "@skerry/core/contract/api/node.ts";
import { isError, toSkerryError } from "@skerry/core/contract/errors.ts";
import type { Finding } from "@skerry/core/contract/present/doctor.ts";
import { formatAge } from "@skerry/core/contract/present/values.ts";
import type { Invocation } from "../commands/command.ts";
import { VERSION } from "../version.ts";

/** Looks at every row of the object index, at each start and once a day. */
const SOUNDNESS_JOB = "index.verify";

/** Nothing when no daemon answers at this socket: the other checks say so. Never throws but for the signal. */
export async function diagnoseCloud(invocation: Invocation, socketPath: string): Promise<readonly Finding[]> {
  const { signal } = invocation;
  try {
    const { client, context } = await invocation.connection();
    // Another cloud's soundness says nothing about this machine.
    if (context.socketPath !== socketPath) return [];
    const [status, jobs] = await Promise.all([
      client.call(nodeRoutes.status, { signal }),
      client.call(nodeRoutes.jobs, { signal }),
    ]);
    return [
      versionFinding(status.version),
      ...problemFindings(status.problems),
      ...warningFindings(status.warnings ?? []),
      soundnessFinding(jobs.items, invocation.terminal.nowMs()),
    ];
  } catch (error) {
    if (signal.aborted) throw error;
    if (isError(error, "unavailable")) return [];
    return [notAsked(toSkerryError(error).message)];
  }
}

function versionFinding(version: string): Finding {
  if (version === VERSION) return { check: "version", state: "ok", what: `Skerry ${version}, the daemon too` };
  const what = `This is Skerry ${VERSION}, and the daemon is ${version}`;
  return { check: "version", state: "warning", what, todo: "Restart the daemon after an update." };
}

function problemFindings(problems: readonly string[]): readonly Finding[] {
  if (problems.length === 0)
    return [{ check: "cloud", state: "ok", what: "Store, index and storage are as they should be" }];
  return problems.map((what) => ({
    check: "cloud",
    state: "fault",
    what,
    todo: "skerry status and its log say more.",
  }));
}

function warningFindings(warnings: readonly string[]): readonly Finding[] {
  return warnings.map((what) => ({
    check: "certificates",
    state: "warning",
    what,
    todo: "Bring a newer one: skerry certificate update NAME --cert FILE --key FILE",
  }));
}

type Jobs = readonly JobView[];
interface JobView {
  readonly name: string;
  readonly state: string;
  readonly lastError?: string | undefined;
  readonly lastRunAt?: string | undefined;
}

function soundnessFinding(jobs: Jobs, nowMs: number): Finding {
  const check = "index";
  const job = jobs.find(({ name }) => name === SOUNDNESS_JOB);
  if (job?.lastError !== undefined) {
    const todo = "skerry backup restore FILE brings a sound one back; keep the files until then.";
    return { check, state: "fault", what: `The object index is not sound: ${job.lastError}`, todo };
  }
  if (job?.state === "running") return { check, state: "ok", what: "Every row of the object index is being looked at" };
  if (job?.lastRunAt === undefined) return { check, state: "ok", what: "The object index was not looked at yet" };
  return {
    check,
    state: "ok",
    what: `Every row of the object index was sound, ${formatAge(job.lastRunAt, nowMs)} ago`,
  };
}

function notAsked(why: string): Finding {
  const todo = "Log in as an operator or admin to see more: skerry login";
  return { check: "cloud", state: "ok", what: `The daemon did not say how it is (${why})`, todo };
}
