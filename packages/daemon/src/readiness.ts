/** Whether this node serves. People, scripts and balancers act on the answer: it is asked of the parts, not remembered. */
import type { Audit } from "@skerry/core/auth/audit.ts";
import type { Auth } from "@skerry/core/auth/auth.ts";
import { isError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import type { ObjectIndex } from "@skerry/core/domain/objects.ts";
import type { Store } from "@skerry/core/domain/store.ts";
import type { ChunkServer } from "@skerry/core/storage/chunkserver.ts";

export interface Readiness {
  readonly state: "starting" | "serving" | "failing" | "draining";
  /** Why it does not serve. Shown to everybody: names nothing of the machine. */
  readonly reason?: string;
}

export interface ReadinessParts {
  readonly audit: Pick<Audit, "assertWritable">;
  readonly auth: Pick<Auth, "authenticate">;
  readonly index: Pick<ObjectIndex, "failure">;
  readonly servers: readonly Pick<ChunkServer, "space">[];
  readonly store: Pick<Store, "failure">;
}

/** What keeps a node that runs from serving; undefined when nothing does. A full disk does not: deletes work. */
export function createFailureCheck(parts: ReadinessParts): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined;
  // One question to the disks at a time, however many ask.
  return () => {
    asked ??= findFailure(parts).finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

async function findFailure({ audit, auth, index, servers, store }: ReadinessParts): Promise<string | undefined> {
  if (store.failure !== undefined) return "the store takes no more writes: restart the daemon";
  if (index.failure !== undefined) return "the object index takes no more requests: restart the daemon";
  if (!isFresh(auth)) return "permissions cannot be checked: the store does not answer";
  const writable = await audit.assertWritable().then(
    () => true,
    () => false,
  );
  if (!writable) return "the audit log cannot be written, so nothing may be changed";
  const answers = await Promise.allSettled(servers.map((server) => server.space()));
  const there = answers.filter(({ status }) => status === "fulfilled").length;
  const { writeQuorum } = LIMITS.objects;
  if (there >= writeQuorum) return undefined;
  return `${there} of ${servers.length} chunkservers are there, and ${writeQuorum} are needed: skerry status`;
}

/** Asked with a credential that nobody has: what is known may be too old even to refuse it. */
function isFresh(auth: ReadinessParts["auth"]): boolean {
  try {
    auth.authenticate("-");
  } catch (error) {
    return isError(error, "unauthenticated");
  }
  return true;
}
