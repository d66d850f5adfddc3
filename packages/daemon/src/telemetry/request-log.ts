/** One line for each request. */
import type { Logger } from "@skerry/core/domain/telemetry.ts";

/** What there is to say of a request when it is over. */
export interface LoggedRequest {
  readonly id: string;
  /** Name of who asked, or `anonymous`. */
  readonly principal: string;
  /** Id or template of the route; never the path, which holds names and keys of users. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Address of the peer, or `unix`. */
  readonly remote: string;
  readonly error?: { readonly code: string; readonly reason?: string | undefined; readonly cause?: unknown };
}

/** Writes a request at info, at error with the cause when the fault is ours (5xx). */
export function createRequestLog(log: Logger): (request: LoggedRequest) => void {
  return (request) => requestLog(log, request);
}

function requestLog(log: Logger, request: LoggedRequest): void {
  const { id, principal, route, method, status, bytesIn, bytesOut, remote, error } = request;
  const durationMs = Math.round(request.durationMs * 10) / 10;
  const line: Record<string, unknown> = { id, principal, route, method, status, durationMs, bytesIn, bytesOut, remote };
  if (error !== undefined) {
    line["code"] = error.code;
    if (error.reason !== undefined) line["reason"] = error.reason;
  }
  if (status < 500) {
    log.info(line, "request");
  } else {
    if (error?.cause !== undefined) line["cause"] = error.cause;
    log.error(line, "request failed");
  }
}
