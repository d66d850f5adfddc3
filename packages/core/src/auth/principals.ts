/** From a bearer to a principal, and what a principal may: the two questions of every request, answered from memory. */
import { SkerryError } from "../domain/errors.ts";
import type { Authorizer, Permission, Principal, Target } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { LastUsed } from "./last-used.ts";
import type { Access, CredentialRecord } from "./records.ts";
import { parseBearer, secretMatches } from "./secrets.ts";
import type { AuthView, ViewListener } from "./view.ts";

/** What `auth/` answers beyond the port. */
export interface AuthAuthorizer extends Authorizer {
  /**
   * Whether the credential alone would let it pass, whatever its user may: false for a token whose scopes do not give it.
   * For rules that give something to everyone, which a narrow token must not have.
   */
  credentialAllows(principal: Principal, permission: Permission, target: Target): boolean;
}

interface Live {
  readonly principal: Principal;
  readonly credential: CredentialRecord;
  readonly fingerprint: string;
  readonly abort: AbortController;
}

const LOGIN_HINT = "Log in again (skerry login) or make a new token.";

function refusal(): SkerryError {
  return new SkerryError("unauthenticated", "The credential is not known, or was revoked.", { hint: LOGIN_HINT });
}

function expiry(): SkerryError {
  return new SkerryError("unauthenticated/expired", "The credential has expired.", { hint: LOGIN_HINT });
}

const ANONYMOUS: Principal = Object.freeze({
  kind: "anonymous",
  userUid: "anonymous",
  userName: "anonymous",
  role: "none",
  projectUid: "",
  changed: new AbortController().signal,
});

export class Principals implements AuthAuthorizer, ViewListener {
  readonly #view: AuthView;
  readonly #clock: Clock;
  readonly #lastUsed: LastUsed;
  /** Uid of the credential -> the principal that was made for it. At most one for each credential of the view. */
  readonly #live = new Map<string, Live>();
  /** Who was made here. Anything else that looks like a principal may nothing. */
  readonly #credentials = new WeakMap<Principal, CredentialRecord>();

  constructor(options: { view: AuthView; clock: Clock; lastUsed: LastUsed }) {
    this.#view = options.view;
    this.#clock = options.clock;
    this.#lastUsed = options.lastUsed;
  }

  /**
   * `bearer` is what follows `Bearer `; undefined = nobody asks. The same credential gives the same principal until
   * something about it changes. @throws `unauthenticated` (unknown, revoked, its user disabled), `unauthenticated/expired`,
   * `unavailable` when what is known may be too old.
   */
  authenticate(bearer: string | undefined): Principal {
    if (bearer === undefined) return ANONYMOUS;
    this.#view.assertFresh();
    const parts = parseBearer(bearer);
    if (parts === undefined) throw refusal();
    const found = this.#view.records.credential(parts.uid);
    const credential = found?.kind === parts.kind ? found : undefined;
    if (!secretMatches(credential?.secretHash, parts.secret) || credential === undefined) throw refusal();
    const principal = this.#principalOf(credential);
    this.#lastUsed.touch(credential.uid);
    return principal;
  }

  allows(principal: Principal, permission: Permission, target: Target): boolean {
    const now = this.#now(principal);
    if (now === undefined || !now.access.trie.allows(permission, target)) return false;
    return now.credential.limits === undefined || now.credential.limits.allows(permission, target);
  }

  credentialAllows(principal: Principal, permission: Permission, target: Target): boolean {
    const now = this.#now(principal);
    return (
      now !== undefined && (now.credential.limits === undefined || now.credential.limits.allows(permission, target))
    );
  }

  projectsFor(principal: Principal, permission: Permission): ReadonlySet<string> | "all" {
    const now = this.#now(principal);
    if (now === undefined) return new Set();
    const user = now.access.trie.projects(permission);
    const limits = now.credential.limits?.projects(permission) ?? "all";
    if (user === "all") return limits;
    return limits === "all" ? user : user.intersection(limits);
  }

  /** What it came with, while that is good. @throws `unauthenticated`, also for one that was not made here. */
  credentialOf(principal: Principal): CredentialRecord {
    const now = this.#now(principal);
    if (now === undefined) throw refusal();
    return now.credential;
  }

  userChanged(userUid: string): void {
    for (const live of this.#live.values()) if (live.credential.userUid === userUid) this.#check(live);
  }

  credentialGone(uid: string): void {
    for (const live of this.#live.values()) {
      // What was made by a token goes with it, and perhaps that was this one.
      if (live.credential.uid === uid || live.credential.madeBy !== undefined) this.#check(live);
    }
  }

  relisted(): void {
    for (const live of this.#live.values()) this.#check(live);
  }

  /** Ends what has expired; every second, because the wall clock may jump. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(EXPIRY_CHECK_MS, signal).catch(() => undefined);
      for (const live of this.#live.values()) if (this.#isExpired(live.credential)) this.#check(live);
    }
  }

  #principalOf(credential: CredentialRecord): Principal {
    if (this.#isExpired(credential)) throw expiry();
    const access = this.#view.records.access(credential.userUid);
    const user = this.#view.records.user(credential.userUid);
    if (user === undefined || !access?.active) throw refusal();
    const live = this.#live.get(credential.uid);
    if (live !== undefined) return live.principal;
    const abort = new AbortController();
    const principal: Principal = Object.freeze({
      kind: "user",
      userUid: user.meta.uid,
      userName: user.meta.name,
      role: access.role,
      projectUid: access.projectUid,
      credential: { kind: credential.kind, uid: credential.uid, name: credential.name },
      changed: abort.signal,
    });
    this.#live.set(credential.uid, { principal, credential, fingerprint: access.fingerprint, abort });
    this.#credentials.set(principal, credential);
    return principal;
  }

  /** What holds for the principal now; undefined when it may nothing any more. */
  #now(principal: Principal): { access: Access; credential: CredentialRecord } | undefined {
    const made = this.#credentials.get(principal);
    if (made === undefined || this.#isExpired(made)) return undefined;
    const credential = this.#view.records.credential(made.uid);
    if (credential?.secretHash !== made.secretHash) return undefined;
    const access = this.#view.records.access(made.userUid);
    return access?.active ? { access, credential } : undefined;
  }

  #isExpired(credential: CredentialRecord): boolean {
    return this.#clock.wallMs() >= credential.expiresAtMs;
  }

  /** Lets go of the principal, and tells its streams, unless nothing about it has changed. */
  #check(live: Live): void {
    const { credential } = live;
    const known = this.#view.records.credential(credential.uid);
    const access = this.#view.records.access(credential.userUid);
    let reason: SkerryError | undefined;
    if (this.#isExpired(credential)) reason = expiry();
    else if (known?.secretHash !== credential.secretHash || !access?.active) {
      reason = new SkerryError("unauthenticated/revoked", "The credential was revoked.", { hint: LOGIN_HINT });
    } else if (access.fingerprint !== live.fingerprint) {
      reason = new SkerryError("forbidden", "What you may do has changed.", { hint: "Try again." });
    }
    if (reason === undefined) return;
    this.#live.delete(credential.uid);
    live.abort.abort(reason);
  }
}

const EXPIRY_CHECK_MS = LIMITS.auth.expiryCheckMs;
