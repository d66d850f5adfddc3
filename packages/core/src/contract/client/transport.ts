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
