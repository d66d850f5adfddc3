/**
 * Where clouds are and with which token: `contexts.json` in `SKERRY_CONFIG_DIR` (default `~/.config/skerry`), 0600 in a
 * directory of 0700, replaced as a whole and durably.
 */
import { chmod, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { meaningOf } from "../transfer/local-error.ts";

export interface Context {
  readonly name: string;
  /** One of the two. */
  readonly socketPath?: string;
  readonly url?: string;
  /** Whose token it is, by name. */
  readonly user?: string;
  readonly token?: string;
  /** Default of `--project`. */
  readonly project?: string;
}

export interface Contexts {
  readonly current?: string;
  readonly contexts: readonly Context[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const VERSION = 1;
const FIELDS = ["name", "socketPath", "url", "user", "token", "project"] as const;

export function contextsPath(env: Environment): string {
  const directory = env["SKERRY_CONFIG_DIR"];
  return join(directory || join(env["HOME"] || homedir(), ".config", "skerry"), "contexts.json");
}

/** No file is no contexts. @throws `invalid` for a file that is not one of ours, `unsupported/version`, `forbidden`. */
export async function readContexts(env: Environment): Promise<Contexts> {
  const path = contextsPath(env);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > LIMITS.cli.maxSecretFileBytes) throw broken(path, "it is too large");
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof SkerryError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return { contexts: [] };
    throw new SkerryError("forbidden", `The contexts in ${path} cannot be read: ${meaningOf(code)}.`, { cause: error });
  }
  return parse(text, path);
}

function parse(text: string, path: string): Contexts {
  let value: { version?: unknown; current?: unknown; contexts?: unknown };
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(path, (error as Error).message);
  }
  if (typeof value !== "object" || value === null) throw broken(path, "it is not an object");
  if (typeof value.version === "number" && value.version > VERSION) {
    throw new SkerryError("unsupported/version", `${path} was written by a newer skerry (version ${value.version}).`, {
      hint: "Use that one, or set SKERRY_CONFIG_DIR to another directory.",
    });
  }
  const { contexts, current } = value;
  if (!Array.isArray(contexts) || !contexts.every(isContext))
    throw broken(path, "its contexts are not as they should be");
  if (current !== undefined && typeof current !== "string") throw broken(path, "its current context is not a name");
  return { contexts, ...(current === undefined ? {} : { current }) };
}

function isContext(value: unknown): value is Context {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  const known = Object.keys(record).every((key) => (FIELDS as readonly string[]).includes(key));
  const texts = FIELDS.every((key) => record[key] === undefined || typeof record[key] === "string");
  const targets = [record["socketPath"], record["url"]].filter((target) => target !== undefined);
  return known && texts && typeof record["name"] === "string" && targets.length === 1;
}

function broken(path: string, why: string): SkerryError {
  return new SkerryError("invalid", `The contexts in ${path} cannot be used: ${why}.`, {
    hint: "Mend the file, or move it away and log in again: skerry login.",
  });
}

export async function writeContexts(env: Environment, contexts: Contexts): Promise<void> {
  const path = contextsPath(env);
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Loaded here alone: most commands only read, and it takes 6 ms.
  const { randomBytes } = await import("node:crypto");
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ version: VERSION, ...contexts }, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o600);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new SkerryError("forbidden", `The contexts cannot be written to ${path}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  await using parent = await open(directory, "r");
  await parent.sync();
}

/** The context of this name put in place of the one before, or added. */
export function withContext(contexts: Contexts, context: Context): Contexts {
  const others = contexts.contexts.filter(({ name }) => name !== context.name);
  return { ...contexts, contexts: [...others, context].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

type Target = Pick<Context, "socketPath" | "url">;

export function sameTarget(a: Target, b: Target): boolean {
  return a.socketPath === b.socketPath && a.url === b.url;
}

/**
 * The name under which this user's login at this target is kept: that of the login before, else `name`, `name-2` ... where
 * that points elsewhere, `name-amy` where another user has it. Nobody's credential is overwritten by somebody else's.
 */
export function nameForLogin({ contexts }: Contexts, name: string, login: Target & { readonly user: string }): string {
  const same = contexts.find((context) => sameTarget(context, login) && context.user === login.user);
  if (same !== undefined) return same.name;
  let base = name;
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? base : `${base}-${n}`;
    const taken = contexts.find((context) => context.name === candidate);
    // One that nobody has logged in to may be taken.
    if (taken === undefined) return candidate;
    if (!sameTarget(taken, login)) continue;
    if (taken.user === undefined && taken.token === undefined) return candidate;
    if (base === name) [base, n] = [`${name}-${login.user}`, 0];
  }
}

export function describeTarget(context: Target): string {
  return context.socketPath ?? context.url ?? "-";
}
