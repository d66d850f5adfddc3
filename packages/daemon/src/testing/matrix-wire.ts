/** Requests as they go over the wire, and answers as they come: nothing in between mends, retries or follows. */
import { Agent, request } from "node:http";

export interface WireRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Code and reason of a problem document. Both absent in any other answer, and where there is no body (HEAD). */
export interface Refusal {
  readonly code?: string;
  readonly reason?: string;
  readonly detail?: string;
}

/** No answer takes so long; without it a lost one would hang the run. */
const ANSWER_MS = 30_000;

export class Wire implements Disposable {
  readonly #url: URL;
  readonly #agent: Agent;

  /** At most `connections` at once; more requests wait. */
  constructor(apiUrl: string, connections: number) {
    this.#url = new URL(apiUrl);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Reads the body to its end, or until `enough` says so of what has come; then the connection is cut. */
  send(sent: WireRequest, enough: (body: string) => boolean = () => false): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#url;
      const signal = AbortSignal.timeout(ANSWER_MS);
      const { method, path, headers } = sent;
      const outgoing = request({ hostname, port, method, path, headers, agent: this.#agent, signal });
      outgoing.on("error", reject).on("response", (incoming) => {
        let body = "";
        const finish = () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
        incoming.setEncoding("utf8").on("error", reject).on("end", finish);
        incoming.on("data", (part: string) => {
          body += part;
          if (!enough(body)) return;
          finish();
          outgoing.destroy();
        });
      });
      outgoing.end(sent.body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export function refusalOf({ headers, body }: WireAnswer): Refusal {
  return headers["content-type"] === "application/problem+json" && body !== "" ? (JSON.parse(body) as Refusal) : {};
}

/** The items that an event stream has put so far. */
export function itemsPut(stream: string): unknown[] {
  return [...stream.matchAll(/^event: put\nid: \S+\ndata: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
}
