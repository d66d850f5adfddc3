/** What carries a request to a daemon. The client above it knows neither sockets nor processes. */

export interface TransportRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Must be read to its end or returned. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** @throws `unavailable` when the daemon cannot be reached or the connection breaks. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

/** The body, with `release` called when it is returned: a generator that was not begun yet would do nothing then. */
export function releasedOnReturn(body: AsyncGenerator<Uint8Array>, release: () => void): AsyncGenerator<Uint8Array> {
  const end = body.return.bind(body);
  body.return = (value) => {
    release();
    return end(value);
  };
  return body;
}
