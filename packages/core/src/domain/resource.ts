/** What every declared thing has in common, and how it is named. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Clock, Random } from "./ports.ts";

/** Kinds that are declared in the store. The word is the same in API, CLI, files and keys. */
export const KINDS = [
  "user",
  "project",
  "binding",
  "token",
  "session",
  "bucket",
  "route",
  "upstream",
  "certificate",
  "iplist",
  "container",
  "volume",
  "network",
  "setting",
] as const;
export type Kind = (typeof KINDS)[number];

/** The project uid of things that belong to the cloud itself (users, projects, settings). */
export const CLOUD = "cloud";

export interface ResourceMeta {
  readonly uid: string;
  readonly name: string;
  /** Uid of the project it belongs to; `cloud` for cloud-wide kinds. */
  readonly project: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Counts changes of `spec`; status never moves it. Starts at 1. */
  readonly generation: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Set while it is being removed: it takes no changes any more. */
  readonly deletingSince?: string;
}

export interface Resource<Spec, Status = unknown> {
  readonly kind: Kind;
  readonly meta: ResourceMeta;
  readonly spec: Spec;
  /** Kept under its own key, merged on reading. */
  readonly status?: Status;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const NAME_RULE = "1 to 63 characters, a-z, 0-9 and '-', beginning and ending with a letter or digit";

export function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= LIMITS.name.maxLength && NAME.test(name);
}

/** @throws `invalid` with the rule. `what` names the thing, e.g. "bucket". */
export function assertName(name: unknown, what: string): asserts name is string {
  if (isName(name)) return;
  throw new SkerryError("invalid", `${JSON.stringify(name)} is not a ${what} name: a name is ${NAME_RULE}.`, {
    details: { field: "name", rule: NAME_RULE },
  });
}

/** Key of a resource: `/<kind>/<project uid>/<name>`. */
export function resourceKey(kind: Kind, project: string, name: string): string {
  return `/${kind}/${project}/${name}`;
}

/** Key that makes a name unique in the cloud, e.g. of a bucket; its value is `{ uid, project }`. */
export function uniqueKey(kind: Kind, name: string): string {
  return `/unique/${kind}/${name}`;
}

const UID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** 26 characters of a-z2-7: 130 random bits. */
export function newUid(random: Random): string {
  return Array.from(random.bytes(26), (byte) => UID_ALPHABET[byte & 31]).join("");
}

export function isUid(text: string): boolean {
  return /^[a-z2-7]{26}$/.test(text);
}

export function newMeta(
  input: { name: string; project: string; labels?: Readonly<Record<string, string>> },
  world: { clock: Clock; random: Random },
): ResourceMeta {
  const now = new Date(world.clock.wallMs()).toISOString();
  return {
    uid: newUid(world.random),
    name: input.name,
    project: input.project,
    labels: input.labels ?? {},
    generation: 1,
    createdAt: now,
    updatedAt: now,
  };
}

/** Meta after a change of the spec. */
export function touchMeta(meta: ResourceMeta, clock: Clock, labels = meta.labels): ResourceMeta {
  return {
    ...meta,
    labels,
    generation: meta.generation + 1,
    updatedAt: new Date(clock.wallMs()).toISOString(),
  };
}
