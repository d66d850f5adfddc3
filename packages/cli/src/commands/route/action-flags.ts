/** What a route does besides passing on, or instead, from flags and files. */
import type { RouteView } from "@skerry/core/contract/api/route.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { ACTION_NAMES, ENCODINGS, REDIRECT_STATUSES } from "@skerry/core/contract/lists.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { readBytesFile } from "../../prompts/secret-file.ts";
import type { Invocation } from "../command.ts";

export const ACTION_OPTIONS = {
  redirect: {
    type: "string",
    describe: "Send requests to this URL or path; {scheme} {host} {path} {query} are theirs",
  },
  "redirect-status": {
    type: "string",
    choices: REDIRECT_STATUSES.map(String),
    describe: "Of --redirect (default 302)",
  },
  "redirect-https": { type: "boolean", describe: "Send who asks without TLS to HTTPS" },
  respond: { type: "string", describe: "Answer with this status, without asking anybody" },
  "respond-body": { type: "string", describe: "Text of that answer" },
  "respond-file": { type: "string", describe: "File with its text" },
  "rewrite-path": { type: "string", describe: "Ask the upstream for this path" },
  "rewrite-prefix": { type: "string", describe: "Put this in place of the route's path; / strips it" },
  "rewrite-regex": { type: "string", describe: "Replace what this pattern finds of the path by --rewrite-with" },
  "rewrite-with": { type: "string", describe: "What comes there; $1 to $9 are the groups of the pattern" },
  "request-header": {
    type: "array",
    describe: "'NAME: VALUE' sets, '+NAME: VALUE' adds, '-NAME' removes one of requests (again for more)",
  },
  "response-header": {
    type: "array",
    describe: "The same of answers; {client_ip} {host} {request_id} {scheme} in values",
  },
  "host-header": { type: "string", describe: "Host of requests to the upstream; {host} is the client's" },
  "cors-origin": {
    type: "array",
    describe: "Pages of this origin may use it: https://app.example.com, https://*.example.com or * (again for more)",
  },
  "cors-method": { type: "array", describe: "That they may use (default GET, HEAD, POST)" },
  "cors-header": { type: "array", describe: "That they may send" },
  "cors-expose": { type: "array", describe: "Header of answers that they may read" },
  "cors-credentials": { type: "boolean", describe: "They may send cookies" },
  "cors-max-age": { type: "string", describe: "Seconds that a browser need not ask again" },
  compress: { type: "boolean", describe: "Compress answers for clients that take it" },
  "compress-type": { type: "array", describe: "Of this type (default: what is text), like text/* (again for more)" },
  "compress-with": { type: "array", describe: `The first of ${ENCODINGS.join(", ")} that a client wants as much` },
  "compress-min": { type: "string", describe: "Leave answers alone that have fewer bytes (default 1024)" },
  "compress-level": { type: "string", describe: "1 (fast) to 9 (small)" },
  cache: { type: "boolean", describe: "Keep answers for others; never those to requests with credentials" },
  "cache-ttl": {
    type: "string",
    describe: "Seconds that one is fresh of which the upstream says nothing (default 30)",
  },
  "cache-override": { type: "boolean", describe: "--cache-ttl holds whatever the upstream says" },
  "cache-stale": { type: "string", describe: "Seconds that one is given after that while it is asked for anew" },
  "cache-stale-if-error": { type: "string", describe: "The same when the upstream fails" },
  "cache-max-bytes": { type: "string", describe: "Keep none that is larger (default 1048576)" },
  "cache-status": { type: "array", describe: "Status of answers that are kept (again for more)" },
  "cache-key-header": { type: "array", describe: "Request header that tells answers apart (again for more)" },
  "cache-key-query": { type: "array", describe: "Parameter of the query that does (default: all)" },
  "respond-type": { type: "string", describe: "Its Content-Type (default text/plain; charset=utf-8)" },
} as const;

/** Of an update. */
export const WITHOUT_OPTION = {
  without: { type: "array", describe: `Take an action away: ${ACTION_NAMES.join(", ")} (again for more)` },
} as const;

type Flags = { readonly [K in keyof typeof ACTION_OPTIONS]?: string | boolean | readonly string[] | undefined } & {
  readonly without?: readonly string[];
};
type Actions = Pick<RouteView["spec"], (typeof ACTION_NAMES)[number]>;
type Changes = { [K in keyof Actions]?: Actions[K] | null };

/** Whether anything is said of actions. */
export function namesActions(flags: Flags): boolean {
  const isSaid = (value: unknown) =>
    value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
  const names = Object.keys(ACTION_OPTIONS) as (keyof typeof ACTION_OPTIONS)[];
  return (flags.without ?? []).length > 0 || names.some((name) => isSaid(flags[name]));
}

/** What was said; nothing for what was not. `before`: what the route has. @throws `invalid`, `not_found` (a file). */
export async function actionsOf(invocation: Invocation, flags: Flags, before: Actions = {}): Promise<Changes> {
  const text = (name: keyof typeof ACTION_OPTIONS) => flags[name] as string | undefined;
  const gone = (flags.without ?? []).map((name) => {
    const known = ACTION_NAMES.find((one) => one.toLowerCase() === name.replaceAll("-", "").toLowerCase());
    if (known !== undefined) return [known, null] as const;
    throw new SkerryError("invalid", `There is no action ${JSON.stringify(name)}.`, {
      hint: `There are ${ACTION_NAMES.join(", ")}.`,
    });
  });
  const redirect = redirectOf(text("redirect"), text("redirect-status"), before.redirect);
  const respond = await respondOf(invocation, flags, before.respond);
  return {
    ...Object.fromEntries(gone),
    ...(redirect === undefined ? {} : { redirect }),
    ...(respond === undefined ? {} : { respond }),
    ...rewriteOf(text("rewrite-path"), text("rewrite-prefix"), text("rewrite-regex"), text("rewrite-with")),
    ...headersOf(flags, before.headers),
    ...corsOf(flags, before.cors),
    ...compressOf(flags, before.compress),
    ...cacheOf(flags, before.cache),
    ...(text("host-header") === undefined ? {} : { hostHeader: text("host-header") }),
    ...(flags["redirect-https"] === true ? { redirectHttps: true } : {}),
  };
}

function redirectOf(
  to: string | undefined,
  status: string | undefined,
  before: Actions["redirect"],
): Actions["redirect"] {
  if (to === undefined && status === undefined) return undefined;
  const target = to ?? before?.to;
  if (target === undefined) throw new SkerryError("invalid", "--redirect is missing: where do requests go?");
  const code = REDIRECT_STATUSES.find((one) => String(one) === status) ?? before?.status;
  return { to: target, ...(code === undefined ? {} : { status: code }) };
}

type Rules = NonNullable<NonNullable<Actions["headers"]>["request"]>;

/** Joined with what the route has: what is said of a name is all that is said of it. */
function headersOf(flags: Flags, before: Actions["headers"]): Pick<Actions, "headers"> {
  const read = (name: "request-header" | "response-header", rules: Rules | undefined): Rules | undefined =>
    ((flags[name] ?? []) as readonly string[]).reduce((all, text) => withHeader(all, name, text), rules);
  const request = read("request-header", before?.request);
  const response = read("response-header", before?.response);
  if (request === before?.request && response === before?.response) return {};
  return { headers: { ...(request && { request }), ...(response && { response }) } };
}

function withHeader({ set = {}, add = {}, remove = [] }: Rules = {}, flag: string, text: string): Rules {
  const [, how = "", name, value] = /^([+-]?)([^:\s]+)(?::[ \t]*(.*))?$/s.exec(text) ?? [];
  if (name === undefined || (how === "-") !== (value === undefined)) {
    throw new SkerryError("invalid", `--${flag} ${JSON.stringify(text)} is no change of a header.`, {
      hint: "Like 'X-Frame-Options: DENY', '+Set-Cookie: a=b' or '-Server'",
    });
  }
  const without = (named: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(named).filter(([one]) => one.toLowerCase() !== name.toLowerCase()));
  const line = { [name]: (value ?? "").trim() };
  const rest = remove.filter((one) => one.toLowerCase() !== name.toLowerCase());
  return {
    set: { ...without(set), ...(how === "" ? line : {}) },
    add: { ...without(add), ...(how === "+" ? line : {}) },
    remove: [...rest, ...(how === "-" ? [name] : [])],
  };
}

/** What is said takes the place of what was there, the rest stays. */
function cacheOf(flags: Flags, before: Actions["cache"] = {}): Pick<Actions, "cache"> {
  const list = (name: "cache-status" | "cache-key-header" | "cache-key-query") =>
    ((flags[name] ?? []) as readonly string[]).flatMap((one) => one.split(","));
  const [statuses, keyHeaders, keyQuery] = [list("cache-status"), list("cache-key-header"), list("cache-key-query")];
  const [ttl, maxBytes] = [flags["cache-ttl"], flags["cache-max-bytes"]] as (string | undefined)[];
  const [stale, error] = [flags["cache-stale"], flags["cache-stale-if-error"]] as (string | undefined)[];
  const said = {
    ...(stale === undefined ? {} : { staleWhileRevalidate: Number(stale) }),
    ...(error === undefined ? {} : { staleIfError: Number(error) }),
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    ...(flags["cache-override"] === true ? { override: true } : {}),
    ...(maxBytes === undefined ? {} : { maxBytes: Number(maxBytes) }),
    ...(statuses.length === 0 ? {} : { statuses: statuses.map(Number) }),
    ...(keyHeaders.length === 0 ? {} : { keyHeaders }),
    ...(keyQuery.length === 0 ? {} : { keyQuery }),
  };
  if (flags.cache !== true && Object.keys(said).length === 0) return {};
  return { cache: { ...before, ...said } };
}

/** What is said takes the place of what was there, the rest stays. */
function compressOf(flags: Flags, before: Actions["compress"] = {}): Pick<Actions, "compress"> {
  const list = (name: "compress-type" | "compress-with") =>
    ((flags[name] ?? []) as readonly string[]).flatMap((one) => one.split(","));
  const [types, algorithms] = [list("compress-type"), list("compress-with")];
  const [min, level] = [flags["compress-min"], flags["compress-level"]] as (string | undefined)[];
  const said = {
    ...(types.length === 0 ? {} : { types }),
    ...(algorithms.length === 0 ? {} : { algorithms: algorithms as NonNullable<typeof before.algorithms> }),
    ...(min === undefined ? {} : { minBytes: Number(min) }),
    ...(level === undefined ? {} : { level: Number(level) }),
  };
  if (flags.compress !== true && Object.keys(said).length === 0) return {};
  return { compress: { ...before, ...said } };
}

/** What is said takes the place of what was there, the rest stays. */
function corsOf(flags: Flags, before: Actions["cors"]): Pick<Actions, "cors"> {
  const list = (name: keyof typeof ACTION_OPTIONS) =>
    ((flags[name] ?? []) as readonly string[]).flatMap((one) => one.split(","));
  const age = flags["cors-max-age"] as string | undefined;
  const said = Object.fromEntries(
    (["origin", "method", "header", "expose"] as const)
      .map((name) => [name === "expose" ? name : `${name}s`, list(`cors-${name}`)] as const)
      .filter(([, names]) => names.length > 0),
  );
  const cors = {
    ...said,
    ...(flags["cors-credentials"] === true ? { credentials: true } : {}),
    ...(age === undefined ? {} : { maxAge: Number(age) }),
  };
  if (Object.keys(cors).length === 0) return {};
  const next = { ...before, ...cors };
  if (next.origins !== undefined) return { cors: { ...next, origins: next.origins } };
  throw new SkerryError("invalid", "--cors-origin is missing: which pages are meant?", {
    hint: "Like --cors-origin https://app.example.com",
  });
}

/** What is wrong with it is for the cloud to say. */
function rewriteOf(path?: string, prefix?: string, regex?: string, template?: string): Pick<Actions, "rewrite"> {
  const rewrite = {
    ...(path === undefined ? {} : { path }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(regex === undefined ? {} : { regex }),
    ...(template === undefined ? {} : { with: template }),
  };
  return Object.keys(rewrite).length === 0 ? {} : { rewrite };
}

async function respondOf(
  { terminal }: Invocation,
  flags: Flags,
  before: Actions["respond"],
): Promise<Actions["respond"]> {
  const text = (name: keyof typeof ACTION_OPTIONS) => flags[name] as string | undefined;
  const [status, said, file, type] = [
    text("respond"),
    text("respond-body"),
    text("respond-file"),
    text("respond-type"),
  ];
  if ([status, said, file, type].every((one) => one === undefined)) return undefined;
  if (status !== undefined && !/^\d{3}$/.test(status)) {
    throw new SkerryError("invalid", `--respond ${JSON.stringify(status)} is no status.`, {
      hint: "Like --respond 503",
    });
  }
  if (said !== undefined && file !== undefined) {
    throw new SkerryError("invalid", "--respond-body and --respond-file exclude each other.", { hint: "Say one." });
  }
  const read = () => readBytesFile(file ?? "", "--respond-file", terminal.stdin, LIMITS.actions.maxRespondBytes);
  const body = file === undefined ? said : (await read()).toString();
  const code = status === undefined ? before?.status : Number(status);
  if (code === undefined) throw new SkerryError("invalid", "--respond is missing: with which status?");
  const contentType = type ?? before?.contentType;
  const next = body ?? before?.body;
  return {
    status: code,
    ...(contentType === undefined ? {} : { contentType }),
    ...(next === undefined ? {} : { body: next }),
    ...(before?.headers === undefined ? {} : { headers: before.headers }),
  };
}
