/** The typed client: a route and its input in, its output out. Errors arrive as the `SkerryError` that was thrown there. */
import { fromProblem, type Problem, SkerryError } from "../../domain/errors.ts";
import {
  formatPath,
  type Route,
  type RouteBody,
  type RouteOutput,
  type RouteParams,
  type RouteQuery,
} from "../route.ts";
import { type ClientEvent, type WatchSource, watchList } from "./events.ts";
import type { OpenTerminal, Terminal } from "./terminal.ts";
import type { Transport, TransportResponse } from "./transport.ts";

export interface CallInput<R extends Route> {
  readonly params?: RouteParams<R>;
  readonly query?: RouteQuery<R>;
  readonly body?: RouteBody<R>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface ClientOptions {
  readonly transport: Transport;
  /** For `terminal`. */
  readonly openTerminal?: OpenTerminal;
  readonly token?: string;
  readonly userAgent?: string;
}

/** What a page of a list looks like. */
interface AnyPage {
  readonly items: readonly unknown[];
  readonly revision: number;
  readonly nextPage?: string;
}
type PageItem<R extends Route> = RouteOutput<R> extends { items: readonly (infer T)[] } ? T : never;

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** @throws what the server answered, or `unavailable`. */
  async call<R extends Route>(route: R, input: CallInput<R> = {}): Promise<RouteOutput<R>> {
    const body = input.body === undefined ? undefined : JSON.stringify(input.body);
    const response = await this.#send(route, input, body, { "content-type": "application/json" });
    return (await readJson(response)) as RouteOutput<R>;
  }

  /** All items of a list, page by page as of one revision. */
  async *items<R extends Route>(route: R, input: CallInput<R> = {}): AsyncGenerator<PageItem<R>> {
    let page: string | undefined;
    do {
      const query = { ...(input.query as object), ...(page === undefined ? {} : { page }) } as RouteQuery<R>;
      const answer = (await this.call(route, { ...input, query })) as unknown as AnyPage;
      yield* answer.items as PageItem<R>[];
      page = answer.nextPage;
    } while (page !== undefined);
  }

  /**
   * A list and its changes, for ever: `reset` with all items first (and again whenever the history is lost), then changes.
   * Reconnects by itself (`stale` says that it is trying). Ends when the signal aborts. @throws what a retry cannot mend.
   */
  watch<R extends Route>(
    route: R,
    input: CallInput<R> & { signal: AbortSignal },
  ): AsyncGenerator<ClientEvent<PageItem<R>>> {
    return this.#watch(route, input, async (token) => {
      const query = { ...(input.query as object), ...(token === undefined ? {} : { page: token }) } as RouteQuery<R>;
      return (await this.call(route, { ...input, query })) as never;
    });
  }

  /**
   * The changes after a revision, for who has read the list page by page: no `reset` comes.
   * @throws as `watch`; `conflict/compacted` when they are not kept any more, or the rights have changed.
   */
  changes<R extends Route>(
    route: R,
    input: CallInput<R> & { signal: AbortSignal },
    revision: number,
  ): AsyncGenerator<ClientEvent<PageItem<R>>> {
    return this.#watch(route, input, revision + 1);
  }

  #watch<R extends Route>(
    route: R,
    input: CallInput<R> & { signal: AbortSignal },
    first: WatchSource<PageItem<R>>["first"],
  ): AsyncGenerator<ClientEvent<PageItem<R>>> {
    return watchList<PageItem<R>>({
      first,
      open: async (from, lastEventId) => {
        const query = {
          ...(input.query as object),
          watch: "1",
          ...(from === undefined ? {} : { from }),
        } as RouteQuery<R>;
        const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
        return (await this.#send(route, { ...input, query }, undefined, headers)).body;
      },
      signal: input.signal,
    });
  }

  /** Bytes out. The body must be read to its end or returned. */
  download<R extends Route>(route: R, input: CallInput<R>): Promise<TransportResponse> {
    return this.#send(route, input, undefined, {});
  }

  /** Bytes in; resolves with the answer, that is, when they are durable. */
  async upload<R extends Route>(
    route: R,
    input: CallInput<R> & { bytes: AsyncIterable<Uint8Array> },
  ): Promise<RouteOutput<R>> {
    const response = await this.#send(route, input, input.bytes, {});
    return (await readJson(response)) as RouteOutput<R>;
  }

  /** A command with its input and output. @throws what was answered instead, `unsupported` without such a transport. */
  terminal<R extends Route>(route: R, input: CallInput<R>): Promise<Terminal> {
    const { openTerminal } = this.#options;
    if (openTerminal === undefined) throw new SkerryError("unsupported", "This client has no terminals.");
    return openTerminal({
      target: targetOf(route, input),
      headers: this.#headers(input),
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    });
  }

  #headers<R extends Route>(input: CallInput<R>): Record<string, string> {
    const { token, userAgent = "skerry-client" } = this.#options;
    return {
      ...input.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      "user-agent": userAgent,
    };
  }

  async #send<R extends Route>(
    route: R,
    input: CallInput<R>,
    body: string | AsyncIterable<Uint8Array> | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<TransportResponse> {
    const response = await this.#options.transport({
      method: route.method,
      target: targetOf(route, input),
      headers: { ...headers, ...this.#headers(input) },
      ...(body === undefined ? {} : { body }),
      ...(input.signal === undefined ? {} : { signal: input.signal }),
    });
    if (response.status >= 400) throw await readProblem(response);
    return response;
  }
}

/** Path and query. */
function targetOf<R extends Route>(route: R, input: CallInput<R>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries((input.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const query = search.size === 0 ? "" : `?${search}`;
  return formatPath(route.path, (input.params ?? {}) as Record<string, unknown>) + query;
}

async function readText(response: TransportResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of response.body) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Undefined for an answer without a body. @throws `unavailable` for what is not JSON. */
async function readJson(response: TransportResponse): Promise<unknown> {
  const text = await readText(response);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs("unavailable", response);
  }
}

function notOurs(code: "unavailable" | "invalid", { status }: TransportResponse): SkerryError {
  return new SkerryError(code, `The server answered ${status}, and not as Skerry does. Is the address right?`);
}

async function readProblem(response: TransportResponse): Promise<SkerryError> {
  const text = await readText(response);
  if (response.headers["content-type"]?.startsWith("application/problem+json")) {
    try {
      return fromProblem({ ...(JSON.parse(text) as Partial<Problem>), status: response.status });
    } catch {
      // Fall through: a truncated document.
    }
  }
  if (response.status === 404) return new SkerryError("not_found", "It does not exist, or is not yours to see.");
  if (response.status === 412) return new SkerryError("conflict/precondition", "The condition does not hold.");
  return notOurs(response.status >= 500 ? "unavailable" : "invalid", response);
}
