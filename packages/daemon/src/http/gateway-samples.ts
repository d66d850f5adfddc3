/** Requests that a preview looks at: those of the access log, and those that somebody gives. */
import type { Call } from "@skerry/core/contract/dispatch/call.ts";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { Refusal } from "@skerry/core/gateway/http1/grammar.ts";
import type { Sample } from "@skerry/core/gateway/preview/decision.ts";
import { askedFor } from "@skerry/core/gateway/routing/explain.ts";
import { type AccessLine, readAccessLog } from "../gateway/access-reader.ts";
import type { Services } from "./services.ts";

const { maxSamples } = LIMITS.history;

/** Requests that are the same in all that is looked at. */
export interface Sampled {
  readonly sample: Sample;
  readonly from: "log" | "given";
  /** `https://app.example.com/api`: without what may be secret. */
  readonly url: string;
  /** Uid of the route that has taken them, in the log. */
  readonly taken?: string;
  count: number;
}

export interface GivenSample {
  readonly method: string;
  readonly url: string;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly client?: string | undefined;
}

/** @throws `invalid` for what no client could send, or the gateway refuses. */
export function readSample({ method, url, headers = [], client }: GivenSample): Sample {
  const [, scheme = "https", authority = "", target = ""] = /^(?:(https?):\/\/)?([^/?#]*)([^#]*)$/i.exec(url) ?? [];
  const lines = headers.map(({ name, value }) => `${name}: ${value}\r\n`);
  const text = [method, authority, target, ...lines].join("");
  if (
    authority === "" ||
    /[^\t\x20-\xff]|\s/.test(`${method}${authority}${target}`) ||
    /[^\t\r\n\x20-\x7e\x80-\xff]/.test(text)
  ) {
    throw invalid("The request cannot be sent so: method, URL and headers are visible text.");
  }
  if (headers.some(({ name, value }) => /[\r\n]/.test(name + value) || /^host$/i.test(name))) {
    throw invalid("A header is one line, and the host is said in the URL.");
  }
  const path = target.startsWith("/") ? target : `/${target}`;
  const head = askedFor(method.toUpperCase(), authority, path, lines.join(""));
  if (head instanceof Refusal) throw invalid(`The gateway refuses the request itself: ${head.message}`);
  return {
    head,
    scheme: scheme.toLowerCase() === "http" ? "http" : "https",
    ...(client === undefined ? {} : { client }),
  };
}

/** @throws `invalid` that says which one. */
export function givenSamples(given: readonly GivenSample[]): Sampled[] {
  const found = new Map<string, Sampled>();
  for (const [at, one] of given.entries()) {
    try {
      const sample = readSample(one);
      const { host, method, target, lines } = sample.head;
      const key = JSON.stringify([method, sample.scheme, host, target, lines, sample.client]);
      count(found, key, { sample, from: "given" });
    } catch (error) {
      if (!(error instanceof SkerryError)) throw error;
      throw invalid(`Sample ${at + 1}: ${error.message}`);
    }
  }
  return [...found.values()];
}

interface LoggedLine extends AccessLine {
  readonly method?: string;
  readonly path?: string;
  readonly client?: string;
  readonly tls?: string;
}

/**
 * The newest requests to routes of the project, and to hosts of it that no route took. `ofClients`: requests of different
 * clients are different.
 */
export async function loggedSamples(
  { clock, gateway }: Services,
  call: Call,
  project: string,
  ofClients: boolean,
): Promise<{ readonly samples: Sampled[]; readonly unread: number }> {
  const directory = gateway.accessLogDirectory;
  if (directory === undefined) return { samples: [], unread: 0 };
  const isOurs = (host: string) => gateway.entriesFor(host)[0]?.project === project;
  const tail = LIMITS.gateway.maxAccessTail;
  const parts: Uint8Array[] = [];
  const log = readAccessLog({
    ...{ directory, clock, signal: call.signal, tail, follow: false },
    wants: (line) =>
      line.route === undefined ? line.host !== undefined && isOurs(line.host) : line.project === project,
  });
  for await (const part of log) parts.push(part);
  const found = new Map<string, Sampled>();
  let unread = 0;
  // The newest first: when there are too many distinct ones, the oldest are left out.
  for (const text of Buffer.concat(parts).toString("latin1").split("\n").reverse()) {
    if (text === "") continue;
    const { method = "", host = "", path = "", route, client, tls } = JSON.parse(text) as LoggedLine;
    const scheme = tls === undefined ? "http" : "https";
    const from = ofClients && client !== undefined ? { client } : {};
    const key = JSON.stringify([method, scheme, host, path, route, from]);
    const known = found.get(key);
    if (known !== undefined) known.count++;
    else if (found.size < maxSamples) {
      const head = path.length > LIMITS.gateway.maxLoggedPath ? undefined : askedFor(method, host, path, "");
      if (head === undefined || head instanceof Refusal) unread++;
      else count(found, key, { sample: { head, scheme, ...from }, from: "log", ...(route && { taken: route }) });
    }
  }
  return { samples: [...found.values()], unread };
}

function count(found: Map<string, Sampled>, key: string, made: Omit<Sampled, "count" | "url">): void {
  const known = found.get(key);
  if (known !== undefined) known.count++;
  else found.set(key, { ...made, url: urlOf(made.sample), count: 1 });
}

function urlOf({ head: { host, target }, scheme }: Sample): string {
  return `${scheme}://${host}${target.split("?", 1)[0] ?? ""}`;
}

function invalid(message: string): SkerryError {
  return new SkerryError("invalid", message, { hint: "Like POST https://app.example.com/api?page=2" });
}
