/** What `auth/` knows, in memory: filled from the store, asked synchronously. Knows nothing of watching. */
import type { Binding, Project, Role, Scopes, Token, User } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Resource } from "../domain/resource.ts";
import type { Entry } from "../domain/store.ts";
import { cloudRoleScopes, ownScopes, projectRoleScopes } from "./roles.ts";
import { compileScopes, type ScopeTrie } from "./scopes.ts";
import type { CredentialKind } from "./secrets.ts";

export interface SessionSpec {
  /** Uid of the user. */
  readonly user: string;
  /** SHA-256 of the secret part, hex. Never leaves `auth/`. */
  readonly secretHash: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  /** Where the login came from, for the list of sessions. */
  readonly ip?: string;
}
export type Session = Resource<SessionSpec>;

/** Kinds that `auth/` keeps in memory. */
export const AUTH_KINDS = ["user", "project", "binding", "token", "session"] as const;
type AuthKind = (typeof AUTH_KINDS)[number];

export interface CredentialRecord {
  readonly kind: CredentialKind;
  readonly uid: string;
  readonly name: string;
  readonly userUid: string;
  readonly secretHash: string;
  readonly expiresAtMs: number;
  /** What a token is limited to; absent: nothing. */
  readonly limits?: ScopeTrie;
  /** Uid of the token that made this one. */
  readonly madeBy?: string;
}

/** What a user may now. `fingerprint` changes when that changes. */
export interface Access {
  readonly active: boolean;
  readonly role: Role;
  readonly projectUid: string;
  readonly trie: ScopeTrie;
  readonly fingerprint: string;
}

interface Held {
  readonly kind: AuthKind;
  readonly uid: string;
  readonly modRevision: number;
}

/** Told what changed, while it is applied. */
export interface RecordsListener {
  /** The user or what it may has changed or gone. */
  userChanged(userUid: string): void;
  credentialGone(uid: string): void;
}

const NOTHING = compileScopes();

export class Records {
  readonly #held = new Map<string, Held>();
  readonly #users = new Map<string, User>();
  readonly #userUids = new Map<string, string>();
  readonly #projects = new Map<string, Project>();
  readonly #projectUids = new Map<string, string>();
  /** User uid -> key of the binding -> binding. */
  readonly #bindings = new Map<string, Map<string, Binding>>();
  readonly #bindingUsers = new Map<string, string>();
  readonly #credentials = new Map<string, CredentialRecord>();
  readonly #access = new Map<string, Access>();
  readonly #listener: RecordsListener;

  constructor(listener: RecordsListener) {
    this.#listener = listener;
  }

  user(uid: string): User | undefined {
    return this.#users.get(uid);
  }

  userNamed(name: string): User | undefined {
    return this.#users.get(this.#userUids.get(name) ?? "");
  }

  project(uid: string): Project | undefined {
    return this.#projects.get(uid);
  }

  projectNamed(name: string): Project | undefined {
    return this.#projects.get(this.#projectUids.get(name) ?? "");
  }

  projects(): Iterable<Project> {
    return this.#projects.values();
  }

  /** Undefined also when the token that made it is gone, or that one's maker: all of them go at the same moment. */
  credential(uid: string): CredentialRecord | undefined {
    const credential = this.#credentials.get(uid);
    let first = credential;
    for (let makers = 0; first?.madeBy !== undefined; makers++) {
      // More than a user can have: no chain that we made.
      if (makers > LIMITS.auth.maxTokensPerUser) return undefined;
      first = this.#credentials.get(first.madeBy);
    }
    return first === undefined ? undefined : credential;
  }

  /** All that is stored, also what is not good any more. */
  credentials(): Iterable<readonly [key: string, credential: CredentialRecord]> {
    const held = this.#held;
    const credentials = this.#credentials;
    return (function* () {
      for (const [key, { uid }] of held) {
        const credential = credentials.get(uid);
        if (credential !== undefined) yield [key, credential] as const;
      }
    })();
  }

  get credentialCount(): number {
    return this.#credentials.size;
  }

  /** The revision at which this key was last put; 0 when it is not there. */
  revisionOf(key: string): number {
    return this.#held.get(key)?.modRevision ?? 0;
  }

  /** Whether a key under the prefix is still here from `revision` or before. */
  holdsUnder(prefix: string, revision: number): boolean {
    for (const [key, held] of this.#held) if (held.modRevision <= revision && key.startsWith(prefix)) return true;
    return false;
  }

  /** What the user may now. */
  access(userUid: string): Access | undefined {
    return this.#access.get(userUid);
  }

  /** All that the user may when enabled: by the role, as the owner of what is the user's own, and by bindings. */
  scopesOf(user: User): readonly Scopes[] {
    const { uid, name } = user.meta;
    const projectUid = this.#projectUids.get(name);
    const bindings = [...(this.#bindings.get(uid)?.values() ?? [])];
    return [
      cloudRoleScopes(user.spec.role),
      ...(projectUid === undefined ? [] : [ownScopes(uid, projectUid)]),
      ...bindings.map(({ meta, spec }) => projectRoleScopes(spec.role, meta.project)),
    ];
  }

  put(entry: Entry): void {
    const kind = kindOf(entry.key);
    if (kind === undefined) return;
    const resource = entry.value as unknown as Resource<never>;
    const uid = resource.meta.uid;
    const before = this.#held.get(entry.key);
    if (before !== undefined && before.uid !== uid) this.delete(entry.key);
    this.#held.set(entry.key, { kind, uid, modRevision: entry.modRevision });
    switch (kind) {
      case "user":
        this.#users.set(uid, resource);
        this.#userUids.set(resource.meta.name, uid);
        this.#refresh(uid);
        break;
      case "project":
        this.#projects.set(uid, resource);
        this.#projectUids.set(resource.meta.name, uid);
        this.#refresh(this.#userUids.get(resource.meta.name));
        break;
      case "binding":
        this.#putBinding(entry.key, resource);
        break;
      default:
        this.#putCredential(kind, resource);
    }
  }

  delete(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    const { kind, uid } = held;
    const name = key.slice(key.lastIndexOf("/") + 1);
    switch (kind) {
      case "user":
        this.#users.delete(uid);
        this.#userUids.delete(name);
        this.#refresh(uid);
        break;
      case "project":
        this.#projects.delete(uid);
        this.#projectUids.delete(name);
        this.#refresh(this.#userUids.get(name));
        break;
      case "binding":
        this.#deleteBinding(key);
        break;
      default:
        this.#credentials.delete(uid);
        this.#listener.credentialGone(uid);
    }
  }

  #putBinding(key: string, binding: Binding): void {
    const user = binding.spec.user;
    const previous = this.#bindingUsers.get(key);
    if (previous !== undefined && previous !== user) this.#deleteBinding(key);
    const bindings = this.#bindings.get(user) ?? new Map<string, Binding>();
    bindings.set(key, binding);
    this.#bindings.set(user, bindings);
    this.#bindingUsers.set(key, user);
    this.#refresh(user);
  }

  #deleteBinding(key: string): void {
    const user = this.#bindingUsers.get(key);
    if (user === undefined) return;
    this.#bindingUsers.delete(key);
    const bindings = this.#bindings.get(user);
    bindings?.delete(key);
    if (bindings?.size === 0) this.#bindings.delete(user);
    this.#refresh(user);
  }

  #putCredential(kind: CredentialKind, resource: Token | Session): void {
    const { uid, name } = resource.meta;
    const { user, secretHash, expiresAt } = resource.spec;
    const scopes = "scopes" in resource.spec ? resource.spec.scopes : undefined;
    const madeBy = "madeBy" in resource.spec ? resource.spec.madeBy : undefined;
    this.#credentials.set(uid, {
      kind,
      uid,
      name,
      userUid: user,
      secretHash,
      // A time that cannot be read is long past.
      expiresAtMs: expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) || 0,
      ...(scopes === undefined ? {} : { limits: compileScopes(scopes) }),
      ...(madeBy === undefined ? {} : { madeBy }),
    });
  }

  #refresh(userUid: string | undefined): void {
    if (userUid === undefined) return;
    const before = this.#access.get(userUid);
    const user = this.#users.get(userUid);
    if (user === undefined) {
      this.#access.delete(userUid);
      if (before !== undefined) this.#listener.userChanged(userUid);
      return;
    }
    const access = this.#compute(user);
    if (before?.fingerprint === access.fingerprint) return;
    this.#access.set(userUid, access);
    this.#listener.userChanged(userUid);
  }

  #compute(user: User): Access {
    const { uid, name, deletingSince } = user.meta;
    const active = !user.spec.disabled && deletingSince === undefined;
    const projectUid = this.#projectUids.get(name) ?? "";
    const bindings = [...(this.#bindings.get(uid)?.values() ?? [])];
    const given = bindings.map(({ meta, spec }) => `${meta.project}:${spec.role}`).sort();
    const fingerprint = [active, user.spec.role, projectUid, ...given].join(" ");
    if (!active) return { active, role: user.spec.role, projectUid, trie: NOTHING, fingerprint };
    return { active, role: user.spec.role, projectUid, trie: compileScopes(...this.scopesOf(user)), fingerprint };
  }
}

function kindOf(key: string): AuthKind | undefined {
  const kind = key.slice(1, key.indexOf("/", 1));
  return (AUTH_KINDS as readonly string[]).includes(kind) ? (kind as AuthKind) : undefined;
}
