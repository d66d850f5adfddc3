/** Tokens: what programs ask with. May do what both their scopes and their user may. */
import { SkerryError } from "../domain/errors.ts";
import type { Principal, Scopes, Token, TokenSpec } from "../domain/identity.ts";
import { LIMITS } from "../domain/limits.ts";
import type { Clock, Random } from "../domain/ports.ts";
import { assertName, newMeta, resourceKey } from "../domain/resource.ts";
import type { Compare, Entry } from "../domain/store.ts";
import { Turns } from "../domain/turns.ts";
import {
  type AuthContext,
  assertNotDeleting,
  commit,
  entriesUnder,
  getOwner,
  type ListInput,
  listPublic,
  notFound,
  publicOf,
  publicResource,
  putOf,
  type Stored,
  type StoredPage,
  storedOf,
  untilDone,
  userKey,
} from "./context.ts";
import type { Session } from "./records.ts";
import { parseScopes } from "./scopes.ts";
import { newSecret } from "./secrets.ts";

export interface NewToken {
  /** Name of the user whose token it is. */
  readonly user: string;
  readonly name: string;
  /** Checked for validity, not for power: what it may is decided when it is used. Absent: all that its user may. */
  readonly scopes?: unknown;
  /** Absent: does not expire, or together with the token that asks. */
  readonly expiresInMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Who asks for it. A token makes only tokens that its own scopes cover and that live no longer than itself; they are
   * revoked with it. Absent: the daemon itself.
   */
  readonly by?: Principal;
}

export interface Tokens {
  /**
   * @throws `invalid` (name, scopes with the path, life), `not_found` (user), `conflict/exists`, `forbidden` (more or
   * longer than the token that asks), `unauthenticated` (that one is gone), `exhausted/quota`.
   */
  create(input: NewToken): Promise<{ readonly token: Stored<Token>; readonly bearer: string }>;
  /** By the uid of the user's own project. Without secret hashes, as all of these; status has `lastUsedAt`. */
  list(projectUid: string, input?: ListInput): Promise<StoredPage<Token>>;
  /** @throws `not_found`. */
  get(projectUid: string, name: string): Promise<Stored<Token>>;
  /** Revokes it and the tokens that it made: refused at once. @throws `not_found`. */
  delete(projectUid: string, name: string): Promise<void>;
}

/** Nothing of an entry that cannot be read: it must not keep its owner from the others. */
function specOf(entry: Entry): Partial<TokenSpec> {
  return (entry.value as { spec?: Partial<TokenSpec> } | null)?.spec ?? {};
}

/** A token and its bearer, and what puts it. */
export function tokenCreation(
  input: { user: string; project: string; name: string } & Pick<TokenSpec, "scopes" | "expiresAt" | "madeBy"> &
    Pick<NewToken, "labels">,
  world: { clock: Clock; random: Random },
) {
  const { user, project, name, scopes, expiresAt, madeBy, labels } = input;
  const meta = newMeta({ name, project, ...(labels === undefined ? {} : { labels }) }, world);
  const { bearer, secretHash } = newSecret("token", meta.uid, world.random);
  const token: Token = {
    kind: "token",
    meta,
    spec: {
      user,
      secretHash,
      ...(scopes === undefined ? {} : { scopes }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(madeBy === undefined ? {} : { madeBy }),
    },
  };
  const key = resourceKey("token", project, name);
  return { token, bearer, compare: { key, modRevision: 0 }, put: putOf(key, token) };
}

function assertLife(expiresInMs: number | undefined): void {
  if (expiresInMs === undefined || (expiresInMs > 0 && expiresInMs <= LIMITS.auth.maxTokenMs)) return;
  throw new SkerryError("invalid", "A token expires within ten years and not at once, or it does not expire.", {
    details: { field: "expiresInSeconds" },
  });
}

/** Else a narrow token would be a way to everything that its user may. @throws `forbidden`. */
function assertCovered(context: AuthContext, by: Principal | undefined, scopes: Scopes | undefined): void {
  const limits = by === undefined ? undefined : context.principals.credentialOf(by).limits;
  if (limits === undefined || (scopes !== undefined && limits.covers(scopes))) return;
  throw new SkerryError("forbidden", "A token cannot make a token that may more than itself.", {
    hint: "Give scopes that the scopes of your token cover, or log in and ask with a session.",
    details: { field: "scopes" },
  });
}

interface Maker {
  /** Of the token that asks; absent for a session, which may make what outlives it. */
  readonly token?: { readonly uid: string; readonly expiresAt?: string };
  /** It is still there when what it makes comes into being. */
  readonly compare: Compare;
}

/** The credential that asks; undefined for the daemon itself. @throws `unauthenticated/revoked`. */
async function makerOf(context: AuthContext, by: Principal | undefined): Promise<Maker | undefined> {
  if (by?.credential === undefined) return undefined;
  const { kind, uid, name } = by.credential;
  const key = resourceKey(kind, by.projectUid, name);
  const entry = await context.store.get(key);
  const stored = entry === undefined ? undefined : storedOf<Token | Session>(entry);
  if (stored?.resource.meta.uid !== uid) {
    throw new SkerryError("unauthenticated/revoked", "The credential that asks was revoked.");
  }
  const compare = { key, modRevision: stored.revision };
  if (kind === "session") return { compare };
  const { expiresAt } = stored.resource.spec;
  return { compare, token: { uid, ...(expiresAt === undefined ? {} : { expiresAt }) } };
}

/** When the new token expires; undefined = never. @throws `forbidden` when it would outlive its maker. */
function expiryOf(clock: Clock, expiresInMs: number | undefined, maker: Maker["token"]): string | undefined {
  if (expiresInMs === undefined) return maker?.expiresAt;
  const asked = new Date(clock.wallMs() + expiresInMs);
  if (maker?.expiresAt === undefined || asked.getTime() <= Date.parse(maker.expiresAt)) return asked.toISOString();
  throw new SkerryError(
    "forbidden",
    `A token cannot make a token that outlives it: it expires at ${maker.expiresAt}.`,
    {
      hint: "Ask for a shorter life or for none, which gives the same end; or log in and ask with a session.",
      details: { field: "expiresInSeconds", expiresAt: maker.expiresAt },
    },
  );
}

/**
 * What makes room for one more token: some that have expired go first, before the job removes them. @throws
 * `conflict/exists`, `exhausted/quota`.
 */
async function roomFor(context: AuthContext, projectUid: string, name: string): Promise<readonly Entry[]> {
  const { maxTokensPerUser } = LIMITS.auth;
  const key = resourceKey("token", projectUid, name);
  const expired: Entry[] = [];
  let count = 0;
  for await (const entry of entriesUnder(context.store, `/token/${projectUid}/`)) {
    if (entry.key === key) throw new SkerryError("conflict/exists", `There is a token ${name} already.`);
    count += 1;
    const { expiresAt } = specOf(entry);
    if (expiresAt !== undefined && Date.parse(expiresAt) <= context.clock.wallMs()) expired.push(entry);
  }
  if (count < maxTokensPerUser) return [];
  if (expired.length > 0) return expired.slice(0, LIMITS.store.maxTransactionOps / 4);
  throw new SkerryError("exhausted/quota", `A user has at most ${maxTokensPerUser} tokens.`, {
    hint: "Revoke one that is not used any more: skerry token ls",
  });
}

async function createToken(context: AuthContext, input: NewToken): ReturnType<Tokens["create"]> {
  const { name, expiresInMs, labels } = input;
  assertName(name, "token");
  const scopes = input.scopes === undefined ? undefined : parseScopes(input.scopes);
  assertLife(expiresInMs);
  assertCovered(context, input.by, scopes);
  return untilDone(async () => {
    const { user, project } = await getOwner(context.store, input.user);
    assertNotDeleting(user.resource);
    const projectUid = project.resource.meta.uid;
    const maker = await makerOf(context, input.by);
    const expiresAt = expiryOf(context.clock, expiresInMs, maker?.token);
    const creation = tokenCreation(
      {
        user: user.resource.meta.uid,
        project: projectUid,
        name,
        ...(scopes === undefined ? {} : { scopes }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(maker?.token === undefined ? {} : { madeBy: maker.token.uid }),
        ...(labels === undefined ? {} : { labels }),
      },
      context,
    );
    const expired = await roomFor(context, projectUid, name);
    const revision = await commit(context, {
      compare: [
        creation.compare,
        { key: userKey(input.user), modRevision: user.revision },
        ...(maker === undefined ? [] : [maker.compare]),
        ...expired.map(({ key, modRevision }) => ({ key, modRevision })),
      ],
      then: [creation.put, ...expired.map(({ key }) => ({ op: "delete", key }) as const)],
    });
    if (revision === undefined) return undefined;
    return { token: { resource: publicResource(creation.token), revision }, bearer: creation.bearer };
  });
}

/** What this token made, and what that made. */
async function descendantsOf(context: AuthContext, projectUid: string, uid: string): Promise<Entry[]> {
  const made = new Map<string, Entry[]>();
  for await (const entry of entriesUnder(context.store, `/token/${projectUid}/`)) {
    const { madeBy } = specOf(entry);
    if (madeBy !== undefined) made.set(madeBy, [...(made.get(madeBy) ?? []), entry]);
  }
  const found: Entry[] = [];
  const makers = [uid];
  // Grows while it is walked.
  for (const maker of makers) {
    const children = made.get(maker) ?? [];
    made.delete(maker);
    found.push(...children);
    makers.push(...children.map((entry) => storedOf<Token>(entry).resource.meta.uid));
  }
  return found;
}

/** Undefined when something changed in between. */
async function revoke(context: AuthContext, token: Entry): Promise<number | undefined> {
  const { uid, project } = storedOf<Token>(token).resource.meta;
  // More than fit are refused by the view in the same moment, and removed by the job `auth.expire`.
  const gone = [token, ...(await descendantsOf(context, project, uid))].slice(0, LIMITS.store.maxTransactionOps / 2);
  return commit(context, {
    compare: gone.map(({ key, modRevision }) => ({ key, modRevision })),
    then: gone.map(({ key }) => ({ op: "delete", key })),
  });
}

export function createTokens(context: AuthContext): Tokens {
  const turns = new Turns();
  const withUse = (stored: Stored<Token>): Stored<Token> => {
    const lastUsedAt = context.lastUsed.at(stored.resource.meta.uid);
    return lastUsedAt === undefined ? stored : { ...stored, resource: { ...stored.resource, status: { lastUsedAt } } };
  };
  const find = async (projectUid: string, name: string): Promise<Entry> => {
    const entry = await context.store.get(resourceKey("token", projectUid, name));
    if (entry === undefined) throw notFound("token", name);
    return entry;
  };
  return {
    create: (input) => turns.take(input.user, () => createToken(context, input)),
    list: async (projectUid, input = {}) => {
      const page = await listPublic<Token>(context.store, `/token/${projectUid}/`, input);
      return { ...page, items: page.items.map(withUse) };
    },
    get: async (projectUid, name) => withUse(publicOf<Token>(await find(projectUid, name))),
    delete: async (projectUid, name) => {
      await untilDone(async () => revoke(context, await find(projectUid, name)));
    },
  };
}
