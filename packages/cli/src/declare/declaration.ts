/** What a document declares, checked against the schemas of the API before anything is sent. */
import { bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import {
  canonicalActions,
  canonicalCanary,
  canonicalHost,
  canonicalListener,
  canonicalPath,
  canonicalSplit,
  canonicalTarget,
} from "@skerry/core/contract/canonical.ts";
import { SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import { schemasOf } from "@skerry/core/contract/routes.ts";
import { closest } from "../commands/suggest.ts";
import { fieldsAt } from "./fields.ts";
import { DECLARED_KINDS, type DeclaredKind, KIND_RULES } from "./kinds.ts";
import type { SourceDocument } from "./source.ts";

export interface Declaration {
  readonly kind: DeclaredKind;
  readonly name: string;
  /** Name or uid; only of what belongs to a project. */
  readonly project?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Change only this state, when the document was shown by `skerry get`. */
  readonly revision?: number;
  /** `file:line` */
  readonly place: string;
}

const FIELDS = ["kind", "name", "project", "labels", "spec", "meta", "status"] as const;

/** @throws `invalid` with file and line. */
export function readDeclaration({ value, at }: SourceDocument): Declaration {
  const fail = (path: readonly PropertyKey[], why: string, hint?: string) =>
    new SkerryError("invalid", `${at(path)}: ${why}.`, hint === undefined ? {} : { hint });
  if (!isRecord(value)) throw fail([], "a declaration is a map with kind, name and spec");
  const unknown = Object.keys(value).find((key) => !(FIELDS as readonly string[]).includes(key));
  if (unknown !== undefined)
    throw fail([unknown], `there is no field ${JSON.stringify(unknown)}`, nearest(unknown, FIELDS));
  const kind = DECLARED_KINDS.find((one) => one === value["kind"]);
  if (kind === undefined) {
    const given =
      value["kind"] === undefined ? "it has no kind" : `${JSON.stringify(value["kind"])} cannot be declared`;
    throw fail(
      ["kind"],
      `${given}: there are ${DECLARED_KINDS.join(", ")}`,
      nearest(String(value["kind"]), DECLARED_KINDS),
    );
  }
  const flat = flatten(value, fail);
  const { revision, ...body } = flat;
  if (!KIND_RULES[kind].ofProject) delete body["project"];
  const spec = readSpec(kind, body, value, fail);
  return {
    kind,
    name: body["name"] as string,
    ...(body["project"] === undefined ? {} : { project: body["project"] as string }),
    ...(body["labels"] === undefined ? {} : { labels: body["labels"] as Record<string, string> }),
    spec: kind === "route" ? canonicalRoute(spec as RouteSpec, value, fail) : spec,
    ...(typeof revision === "number" ? { revision } : {}),
    place: at([]),
  };
}

/** One state for each thing: which of two would hold is not ours to choose. @throws `invalid` */
export function assertDistinct(declarations: readonly Declaration[]): void {
  const seen = new Map<string, string>();
  for (const { kind, name, place, project = "" } of declarations) {
    const key = `${kind}/${KIND_RULES[kind].namedByProject ? project : ""}/${name}`;
    const first = seen.get(key);
    if (first !== undefined) {
      throw new SkerryError("invalid", `${place}: ${kind} ${name} is declared twice, first at ${first}.`, {
        hint: "Keep one of the two.",
      });
    }
    seen.set(key, place);
  }
}

type Fail = (path: readonly PropertyKey[], why: string, hint?: string) => SkerryError;

/** Both forms: `{kind, name, project, labels, spec}`, and what `skerry get -o yaml` shows, with a `meta`. */
function flatten(value: Record<string, unknown>, fail: Fail): Record<string, unknown> {
  const meta = value["meta"];
  const { name, project, labels, spec } = value;
  if (meta === undefined) return withoutUndefined({ name, project, labels, spec });
  if (!isRecord(meta)) throw fail(["meta"], "meta is a map");
  if (name !== undefined || project !== undefined || labels !== undefined) {
    throw fail([], "name, project and labels stand either in meta or beside it");
  }
  const owner = meta["project"] === "cloud" ? undefined : (meta["projectName"] ?? meta["project"]);
  return withoutUndefined({
    name: meta["name"],
    project: owner,
    labels: meta["labels"],
    spec,
    revision: meta["revision"],
  });
}

/** Checked as the cloud will, and with what the schema adds. @throws `invalid` with the line. */
function readSpec(
  kind: DeclaredKind,
  body: Record<string, unknown>,
  value: Record<string, unknown>,
  fail: Fail,
): Record<string, unknown> {
  if (body["name"] === undefined) throw fail(inFile([], value), `the ${kind} has no name`);
  const name = schemasOf(bucketRoutes.get).params.safeParse({ name: body["name"] });
  if (!name.success) throw fail(inFile(["name"], value), name.error.issues[0]?.message ?? "it has no name");
  const schema = schemasOf(KIND_RULES[kind].schema).body;
  const result = schema?.safeParse(sentOf(kind, body, value));
  if (result === undefined) throw new Error(`a ${kind} has no schema`);
  if (result.success && kind === "binding") return { role: (result.data as { role: string }).role };
  if (result.success)
    return ((result.data as { spec?: Record<string, unknown> }).spec ?? {}) as Record<string, unknown>;
  const { issues } = result.error;
  // A word that is not known is why another is missing.
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  const path = kind === "binding" && issue?.path[0] === "role" ? ["spec", "role"] : (issue?.path ?? []);
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const field = [...path, key];
    const why = `there is no field ${JSON.stringify(field.join("."))}`;
    throw fail(inFile(field, value), why, nearest(key, fieldsAt(schema, path)));
  }
  throw fail(
    inFile(path, value),
    [path.join("."), issue?.message ?? "it is not valid"].filter((part) => part !== "").join(": "),
  );
}

/** Without what the cloud has added to what it shows, and what its schema has no place for. */
function sentOf(kind: DeclaredKind, body: Record<string, unknown>, value: Record<string, unknown>): unknown {
  const { name: _, ...unnamed } = body;
  const { spec, ...bare } = body;
  if (kind === "binding") return bindingOf(body, value);
  if (kind === "user") return unnamed;
  if (KIND_RULES[kind].hasNoSpec === true) {
    return isRecord(spec) && Object.keys(spec).length === 0 ? bare : body;
  }
  if (kind !== "container" || value["meta"] === undefined || !isRecord(spec)) return body;
  const { imageId: __, ...declared } = spec;
  return { ...body, spec: declared };
}

/** As the API takes it: a binding has the name of its user, and nothing besides project and role. */
function bindingOf({ name, labels, spec, ...rest }: Record<string, unknown>, value: Record<string, unknown>): unknown {
  const { user, ...given } = isRecord(spec) ? spec : {};
  // What is shown says the uid of the user, too.
  const shown = value["meta"] !== undefined;
  const hasLabels = isRecord(labels) && Object.keys(labels).length > 0;
  return {
    ...rest,
    ...given,
    user: name,
    ...(hasLabels ? { labels } : {}),
    ...(shown || user === undefined ? {} : { "spec.user": user }),
  };
}

type RouteSpec = Readonly<{
  host?: string;
  path?: string;
  match?: { readonly path?: "exact" | "regex" };
  listen?: string;
  to?: string;
}>;

/** As the cloud keeps it, so that what is the same is seen to be the same. */
function canonicalRoute(spec: RouteSpec, value: Record<string, unknown>, fail: Fail): Record<string, unknown> {
  const read = (field: Exclude<keyof RouteSpec, "match">, canonical: (text: string) => string): string => {
    try {
      return canonical(spec[field] ?? "");
    } catch (error) {
      const { message, hint } = toSkerryError(error);
      throw fail(inFile(["spec", field], value), message.replace(/\.$/, ""), hint);
    }
  };
  const readTo = () => (spec.to === undefined ? {} : { to: read("to", (to) => canonicalTarget(to, spec.listen)) });
  if (spec.listen !== undefined) {
    const listen = read("listen", canonicalListener);
    return { ...spec, listen, ...readTo() };
  }
  const kind = spec.match?.path;
  return {
    ...spec,
    host: read("host", canonicalHost),
    // What is not declared stays as it is; of a new one it is for the cloud to say.
    ...(spec.path === undefined ? {} : { path: read("path", (path) => canonicalPath(path, kind)) }),
    ...readTo(),
    ...readActions(spec, value, fail),
  };
}

interface Split {
  readonly split?: Parameters<typeof canonicalSplit>[0];
  readonly canary?: Parameters<typeof canonicalCanary>[0];
}

function readActions(spec: RouteSpec, value: Record<string, unknown>, fail: Fail): Record<string, unknown> {
  try {
    const given = Object.entries(canonicalActions(spec as Parameters<typeof canonicalActions>[0]));
    const { split, canary } = spec as Split;
    const said = {
      ...(split === undefined ? {} : { split: canonicalSplit(split) }),
      ...(canary === undefined ? {} : { canary: canonicalCanary(canary) }),
    };
    return { ...Object.fromEntries(given.filter(([, action]) => action !== null)), ...said };
  } catch (error) {
    const { message, hint, details } = toSkerryError(error);
    const [field = ""] = String(details?.["field"] ?? "").split(".");
    throw fail(inFile(["spec", field], value), message.replace(/\.$/, ""), hint);
  }
}

function inFile(path: readonly PropertyKey[], value: Record<string, unknown>): readonly PropertyKey[] {
  return value["meta"] !== undefined && path[0] !== "spec" ? ["meta", ...path] : path;
}

function nearest(word: string, candidates: readonly string[]): string | undefined {
  const near = closest(word, candidates);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
