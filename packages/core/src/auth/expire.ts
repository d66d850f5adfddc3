/** The background work of identity: expired sessions and tokens go, tokens whose maker is gone too, deletions that a crash cut short are finished. */
import type { Job } from "../domain/jobs.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Compare, Op } from "../domain/store.ts";
import { type AuthContext, commit } from "./context.ts";
import { finishDeletions } from "./deletion.ts";

/** A deletion that is under way is not a deletion that was cut short. */
const DELETION_GRACE_MS = 60_000;

/** Removes what has expired or has lost its maker; returns how many. */
async function removeExpired(context: AuthContext): Promise<number> {
  const nowMs = context.clock.wallMs();
  const keys: string[] = [];
  const { records } = context.view;
  for (const [key, { uid, expiresAtMs }] of records.credentials()) {
    if (expiresAtMs <= nowMs || records.credential(uid) === undefined) keys.push(key);
  }
  const batch = LIMITS.store.maxTransactionOps / 2;
  let removed = 0;
  for (let at = 0; at < keys.length; at += batch) {
    const compare: Compare[] = [];
    const then: Op[] = [];
    for (const key of keys.slice(at, at + batch)) {
      // The name may belong to a new token by now.
      compare.push({ key, modRevision: context.view.records.revisionOf(key) });
      then.push({ op: "delete", key });
    }
    // Something moved: the next run does it.
    if ((await commit(context, { compare, then })) !== undefined) removed += then.length;
  }
  return removed;
}

export function createExpireJob(context: AuthContext): Job {
  return {
    name: "auth.expire",
    summary: "Remove expired sessions and tokens, finish deletions of users and projects",
    everyMs: LIMITS.auth.expireEveryMs,
    run: async ({ progress }) => {
      const removed = await removeExpired(context);
      const finished = await finishDeletions(context, context.clock.wallMs() - DELETION_GRACE_MS);
      progress(`removed ${removed} expired sessions and tokens, finished ${finished} deletions`);
    },
  };
}
