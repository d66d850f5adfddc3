/**
 * From a request to its answer: find the route, authenticate, check the input, call the handler, make sure that it asked
 * for its permission, audit, encode. Knows no transport and no feature.
 */
import type { z } from "zod";
import { isError, SkerryError, toProblem, toSkerryError } from "../../domain/errors.ts";
import type { Authorizer, Decide, Principal } from "../../domain/identity.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Clock } from "../../domain/ports.ts";
import { isMutation, type Route, type RouteOutput, type Schemas, type ServedRoute } from "../route.ts";
import { Call } from "./call.ts";
import { encodeEvents, type ListEvent, parseEventId, type ResumePoint } from "./events.ts";
import type { ApiRequest, ApiResponse, RequestFacts, TerminalProcess } from "./exchange.ts";
import { parseJson, parseQuery, readBody, validate } from "./input.ts";
import { RouteTable } from "./match.ts";
import { type Reauthorize, StreamGate } from "./streams.ts";

export interface HandlerInput<R extends Route> {
  readonly params: z.output<Schemas<R>["params"]>;
  readonly query: z.output<Schemas<R>["query"]>;
  readonly body: "body" extends keyof Schemas<R> ? z.output<NonNullable<Schemas<R>["body"]>> : undefined;
}

/** `watch` is asked instead of `page` with `?watch=1`; `from` undefined = what comes from now on. */
export interface ListHandler<R extends Route> {
  page(call: Call, input: HandlerInput<R>): Promise<RouteOutput<R>>;
  watch?(
    call: Call,
    input: HandlerInput<R>,
    from: ResumePoint | undefined,
  ): AsyncIterable<ListEvent> | Promise<AsyncIterable<ListEvent>>;
}
export type JsonHandler<R extends Route> = (call: Call, input: HandlerInput<R>) => Promise<RouteOutput<R>>;
export type DownloadHandler<R extends Route> = (call: Call, input: HandlerInput<R>) => Promise<ApiResponse>;

/** Asks for its permission, and resolves with what starts the command. */
export type TerminalHandler<R extends Route> = (
  call: Call,
  input: HandlerInput<R>,
) => Promise<() => Promise<TerminalProcess>>;

type AnyHandler = JsonHandler<Route> | ListHandler<Route> | DownloadHandler<Route> | TerminalHandler<Route>;
export type Handlers = ReadonlyMap<string, AnyHandler>;
export type HandlerEntry = readonly [string, AnyHandler];

/** Ties a handler to its route, with the types of its schemas. */
export const handle = {
  json: <R extends Route>(route: R, handler: JsonHandler<R>): HandlerEntry => [
    route.id,
    handler as unknown as AnyHandler,
  ],
  list: <R extends Route>(route: R, handler: ListHandler<R>): HandlerEntry => [
    route.id,
    handler as unknown as AnyHandler,
  ],
  download: <R extends Route>(route: R, handler: DownloadHandler<R>): HandlerEntry => [
    route.id,
    handler as unknown as AnyHandler,
  ],
  terminal: <R extends Route>(route: R, handler: TerminalHandler<R>): HandlerEntry => [
    route.id,
    handler as unknown as AnyHandler,
  ],
};

export interface AuditRecord {
  readonly call: Call;
  readonly outcome: "ok" | "denied" | "failed";
  readonly error?: SkerryError;
}

export interface DispatcherOptions {
  readonly routes: readonly ServedRoute[];
  readonly handlers: Handlers;
  readonly authorizer: Authorizer;
  readonly decide: Decide;
  /** @throws `unauthenticated` for a credential that is not good; nobody is the anonymous principal. */
  readonly authenticate: (authorization: string | undefined, request: ApiRequest) => Principal;
  /** Before anything is changed. @throws what forbids every change now. */
  readonly admitMutation?: () => Promise<void>;
  /** Runs a handler up to its first write, which is not done. @throws what the handler throws. */
  readonly rehearse: (work: () => Promise<unknown>) => Promise<void>;
  /** Resolves when the record is as safe as the audit promises. */
  readonly audit: (record: AuditRecord) => Promise<void>;
  readonly clock: Clock;
  /** Tests: every JSON answer must fit its schema. */
  readonly verifyOutput?: boolean;
}

export type Dispatch = (request: ApiRequest, facts: RequestFacts) => Promise<ApiResponse>;

export function createDispatcher(options: DispatcherOptions): Dispatch {
  const table = new RouteTable(options.routes);
  const streams = new StreamGate();
  for (const route of options.routes) {
    if (!options.handlers.has(route.id)) throw new Error(`route ${route.id} has no handler`);
  }

  return async (request, facts) => {
    let call: Call | undefined;
    let done: AuditRecord | undefined;
    try {
      if (request.target.length > LIMITS.http.maxUrlBytes) {
        throw new SkerryError("invalid/too-large", "The URL is too long.");
      }
      const [path = "", query = ""] = splitTarget(request.target);
      const { route, params } = table.match(request.method, path);
      facts.route = route.id;
      const { authenticate, authorizer, decide } = options;
      // Nobody, until the credential has proved good: one that is not is audited, too.
      const nobody = authenticate(undefined, request);
      call = new Call({ request, route, facts, principal: nobody, authorizer, decide });
      call.principal = authenticate(request.headers["authorization"], request);
      facts.principal = call.principal.userName;
      refuseNobody(call);
      const input = await readInput(call, params, query);
      if (isMutation(route)) await options.admitMutation?.();
      if ((input.query as { dryRun?: string }).dryRun !== undefined) return await rehearse(options, call, input);
      const response = await answer(options, streams, call, input);
      if (isMutation(route)) done = { call, outcome: "ok" };
      if (done !== undefined) await recorded(options.audit(done), response);
      return response;
    } catch (thrown) {
      // What is done and cannot be recorded must not be recorded as failed, nor be called so.
      if (done !== undefined) return refuse(options, request, facts, undefined, notRecorded(thrown));
      return refuse(options, request, facts, call, thrown);
    }
  };
}

/** A command that nobody could be told of, and that nobody listens to, ends. @throws what the audit throws. */
async function recorded(audited: Promise<void>, { terminal: session }: ApiResponse): Promise<void> {
  try {
    await audited;
  } catch (error) {
    session?.process[Symbol.dispose]();
    session?.ended();
    throw error;
  }
}

function notRecorded(cause: unknown): SkerryError {
  return new SkerryError("unavailable", "The change is made, but the audit log could not take it.", {
    hint: "Do not repeat it: look at what is there. The daemon's log says what is wrong with the audit log.",
    cause,
  });
}

/** Nobody changes anything but by logging in. Said before anything of the body is read. @throws `unauthenticated`. */
function refuseNobody(call: Call): void {
  const { permission } = call.route;
  if (call.principal.kind !== "anonymous" || permission === "anyone") return;
  if (permission === "self" || isMutation(call.route)) call.hide("such thing");
}

function splitTarget(target: string): [string, string] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}

async function readInput(call: Call, params: unknown, query: string): Promise<HandlerInput<Route>> {
  const { route, request } = call;
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity" && isMutation(route)) {
    throw new SkerryError("invalid/encoding", "A Content-Encoding is not taken here: send the content as it is.");
  }
  const checked = {
    params: validate(route.schemas.params, params, "path"),
    query: validate(route.schemas.query, parseQuery(query), "query"),
  };
  if (route.kind === "upload") return { ...checked, body: undefined };
  if (route.schemas.body === undefined) return { ...checked, body: undefined };
  const type = request.headers["content-type"];
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new SkerryError("invalid/encoding", "The body must be JSON, with Content-Type: application/json.");
  }
  const { maxLoginBytes, maxJsonBytes, maxListJsonBytes } = LIMITS.http;
  const most = route.takesList === true ? maxListJsonBytes : maxJsonBytes;
  const maxBytes = call.principal.kind === "anonymous" ? maxLoginBytes : most;
  const body = parseJson(await readBody(request.body, maxBytes));
  return { ...checked, body: validate(route.schemas.body, body, "body") as never };
}

async function answer(
  options: DispatcherOptions,
  streams: StreamGate,
  call: Call,
  input: HandlerInput<Route>,
): Promise<ApiResponse> {
  const { route } = call;
  const handler = options.handlers.get(route.id) as AnyHandler;
  const reauthorize = { call, authenticate: options.authenticate };
  if (route.kind === "download") {
    const { begin, ...response } = await (handler as DownloadHandler<Route>)(call, input);
    assertAsked(call);
    return typeof response.body === "object" && !(response.body instanceof Uint8Array)
      ? { ...response, body: await streams.download(reauthorize, response.body, begin), cut: call.signal }
      : response;
  }
  if (route.kind === "terminal") return terminal(streams, reauthorize, handler as TerminalHandler<Route>, input);
  if (route.kind === "list") {
    const list = handler as ListHandler<Route>;
    const query = input.query as { watch?: string; from?: number };
    if (query.watch !== undefined) return watch(options, streams, call, list, input);
    return json(options, call, await list.page(call, input));
  }
  using _guard = route.kind === "upload" ? streams.upload(reauthorize) : undefined;
  return json(options, call, await (handler as JsonHandler<Route>)(call, input));
}

/** Does all of it but what it would write. Recorded is only what is refused. */
async function rehearse(options: DispatcherOptions, call: Call, input: HandlerInput<Route>): Promise<ApiResponse> {
  const handler = options.handlers.get(call.route.id) as JsonHandler<Route>;
  await options.rehearse(() => handler(call, input));
  assertAsked(call);
  return { status: 204, headers: {} };
}

async function terminal(
  streams: StreamGate,
  reauthorize: Reauthorize,
  handler: TerminalHandler<Route>,
  input: HandlerInput<Route>,
): Promise<ApiResponse> {
  const { call } = reauthorize;
  const start = await handler(call, input);
  assertAsked(call);
  if (call.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new SkerryError("invalid", "A terminal is a WebSocket, and this request asks for none.", {
      hint: "skerry exec and skerry shell speak it.",
    });
  }
  const guard = streams.terminal(reauthorize);
  const ended = () => guard[Symbol.dispose]();
  try {
    return { status: 101, headers: {}, terminal: { process: await start(), cut: call.signal, ended } };
  } catch (error) {
    ended();
    throw error;
  }
}

async function watch(
  options: DispatcherOptions,
  streams: StreamGate,
  call: Call,
  list: ListHandler<Route>,
  input: HandlerInput<Route>,
): Promise<ApiResponse> {
  if (list.watch === undefined) throw new SkerryError("invalid", "This list cannot be watched.");
  const { from } = input.query as { from?: number };
  const last = call.header("last-event-id");
  const resume = last !== undefined ? parseEventId(last) : from === undefined ? undefined : { revision: from, skip: 0 };
  const events = await list.watch(call, input, resume);
  assertAsked(call);
  const body = encodeEvents(events, { clock: options.clock, signal: call.signal, requestId: call.request.id });
  return {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    body: streams.watch({ call, authenticate: options.authenticate }, body),
    cut: call.signal,
  };
}

function assertAsked(call: Call): void {
  if (call.asked || call.route.permission === "anyone" || call.route.permission === "self") return;
  throw new Error(`the handler of ${call.route.id} answered without asking for ${call.route.permission}`);
}

function json(options: DispatcherOptions, call: Call, output: unknown): ApiResponse {
  const { route } = call;
  assertAsked(call);
  if (route.schemas.output === undefined) return { status: 204, headers: {} };
  if (options.verifyOutput) route.schemas.output.parse(output);
  return {
    status: route.status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: `${JSON.stringify(output)}\n`,
  };
}

/** The answer to what went wrong, as a problem document; denials and failed mutations are audited. */
async function refuse(
  options: DispatcherOptions,
  request: ApiRequest,
  facts: RequestFacts,
  call: Call | undefined,
  thrown: unknown,
): Promise<ApiResponse> {
  // What the body's reader throws after the right was lost is a consequence; the reason is on the signal.
  const error = toSkerryError(
    call?.signal.aborted && isError(call.signal.reason, "unauthenticated") ? call.signal.reason : thrown,
  );
  facts.error = {
    code: error.code,
    ...(error.reason === undefined ? {} : { reason: error.reason }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
  const denied = error.code === "unauthenticated" || error.code === "forbidden";
  if (call !== undefined && (denied || isMutation(call.route))) {
    // What nobody tried in vain (a login beyond the limits, no JSON) is bounded as denials are: else it would fill the log.
    const outcome = denied || call.principal.kind === "anonymous" ? "denied" : "failed";
    await options.audit({ call, outcome, error }).catch(() => undefined);
  }
  return problemResponse(error, request.id);
}

export function problemResponse(error: SkerryError, requestId: string): ApiResponse {
  const allow = error.details?.["allow"];
  return {
    status: error.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(error.status === 401 ? { "www-authenticate": 'Bearer realm="skerry"' } : {}),
      ...(error.retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(error.retryAfterMs / 1000)) }),
      ...(typeof allow === "string" ? { allow } : {}),
    },
    body: `${JSON.stringify(toProblem(error, requestId))}\n`,
  };
}
