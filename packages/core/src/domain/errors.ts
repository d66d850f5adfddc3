/**
 * The one error type. A closed table: the code decides the exit status of the CLI and whether a retry can help; a
 * reason under it, from a closed list, decides the HTTP status. Code and reason travel on the wire, the cause never.
 */

interface ErrorCodeRow {
  /** Exit status of the CLI. */
  readonly exit: number;
  /** HTTP status where no reason is given. */
  readonly status: number;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** Reason -> HTTP status. */
  readonly reasons: Readonly<Record<string, number>>;
}

export const ERROR_TABLE = {
  /** The request cannot be right whatever the state is. */
  invalid: {
    exit: 2,
    status: 400,
    retryable: false,
    reasons: {
      "too-large": 413, // the body or a part of it exceeds a limit
      headers: 431, // the headers together exceed the limit
      method: 405, // the path exists, the method does not
      length: 411, // the request must say how long it is
      range: 416, // the range lies outside the object
      encoding: 415, // a media type or content coding that is not taken
      host: 421, // a Host that is not ours
      timeout: 408, // the request did not come to its end in time
      target: 414, // the target of the request exceeds its limit
      misdirected: 421, // the connection's TLS handshake was not made for this host, where that matters
    },
  },
  /** Who asks is not known. */
  unauthenticated: { exit: 4, status: 401, retryable: false, reasons: { expired: 401, revoked: 401 } },
  /** Who asks is known and may not. */
  forbidden: {
    exit: 4,
    status: 403,
    retryable: false,
    reasons: { origin: 403, upstream: 403, "client-certificate": 403, address: 403 },
  },
  /** It does not exist, or may not be seen by who asks. */
  not_found: { exit: 5, status: 404, retryable: false, reasons: { route: 404 } },
  /** The state forbids it. */
  conflict: {
    exit: 6,
    status: 409,
    retryable: false,
    reasons: {
      exists: 409, // the name is taken
      "not-empty": 409, // what it holds must go first
      precondition: 412, // If-Match, If-None-Match or a revision does not hold
      compacted: 410, // the revision asked for is gone: list again
      locked: 409, // another process holds it
    },
  },
  /** Something bounded is full. */
  exhausted: {
    exit: 7,
    status: 503,
    retryable: true,
    reasons: { disk: 507, quota: 403, rate: 429, overload: 503 },
  },
  /** Something needed does not answer now. */
  unavailable: {
    exit: 8,
    status: 503,
    retryable: true,
    reasons: {
      ...{ upstream: 502, "upstream-tls": 502, timeout: 504, draining: 503, replicas: 503, closed: 503 },
      // Of an upstream of the gateway, by what took too long.
      ...{ "connect-timeout": 504, "head-timeout": 504, "body-timeout": 504, "total-timeout": 504 },
      ...{ breaker: 503, unhealthy: 503 }, // no backend of an upstream may get requests now
    },
  },
  /** This machine or this version cannot do it. */
  unsupported: { exit: 9, status: 501, retryable: false, reasons: { version: 501, platform: 501 } },
  /** Our defect, or damaged data. */
  internal: { exit: 1, status: 500, retryable: false, reasons: { corrupt: 500, aborted: 500 } },
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;
export type ErrorReason<C extends ErrorCode = ErrorCode> = C extends ErrorCode
  ? keyof (typeof ERROR_TABLE)[C]["reasons"] & string
  : never;
/** `code` or `code/reason`, as it is thrown and shown. */
export type ErrorId = { [C in ErrorCode]: C | `${C}/${ErrorReason<C>}` }[ErrorCode];

export interface SkerryErrorOptions {
  /** What to do next, for the person who asked. One sentence, or lines. */
  hint?: string;
  /** What was behind it. Logged, never sent. */
  cause?: unknown;
  /** Machine-readable public facts, e.g. `{ field: "spec.size" }`. */
  details?: Readonly<Record<string, unknown>>;
  /** For `exhausted/rate` and the like: how long to wait. */
  retryAfterMs?: number;
}

/** The only error that crosses a module's border on purpose. `message` is public: what happened and why. */
export class SkerryError extends Error {
  override readonly name = "SkerryError";
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(id: ErrorId, message: string, options: SkerryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const slash = id.indexOf("/");
    this.code = (slash < 0 ? id : id.slice(0, slash)) as ErrorCode;
    this.reason = slash < 0 ? undefined : id.slice(slash + 1);
    this.hint = options.hint;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** HTTP status. */
  get status(): number {
    const row: ErrorCodeRow = ERROR_TABLE[this.code];
    return (this.reason === undefined ? undefined : row.reasons[this.reason]) ?? row.status;
  }

  /** Exit status of the CLI. */
  get exitStatus(): number {
    return ERROR_TABLE[this.code].exit;
  }

  is(id: ErrorId): boolean {
    return id === this.code || id === `${this.code}/${this.reason}`;
  }
}

/** True when `error` is ours and has this code (`conflict`) or code and reason (`conflict/exists`). */
export function isError(error: unknown, id: ErrorId): error is SkerryError {
  return error instanceof SkerryError && error.is(id);
}

/** Ours as it is; anything else as `internal`, with the original as the cause that is logged and never sent. */
export function toSkerryError(error: unknown): SkerryError {
  if (error instanceof SkerryError) return error;
  return new SkerryError("internal", "Something went wrong inside Skerry; the daemon's log has the cause.", {
    cause: error,
  });
}

/** The wire form of an error: an RFC 9457 problem document. `type` is `urn:skerry:error:<code>[/<reason>]`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly reason?: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

export function toProblem(error: SkerryError, requestId?: string): Problem {
  return {
    type: `urn:skerry:error:${error.code}${error.reason ? `/${error.reason}` : ""}`,
    title: error.code.replace("_", " "),
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.reason === undefined ? {} : { reason: error.reason }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** The error that a problem document stands for; an unknown code or reason becomes the nearest known one. */
export function fromProblem(problem: Partial<Problem> & { status: number }): SkerryError {
  const code: ErrorCode =
    problem.code !== undefined && Object.hasOwn(ERROR_TABLE, problem.code) ? problem.code : "internal";
  const row: ErrorCodeRow = ERROR_TABLE[code];
  const known = problem.reason !== undefined && Object.hasOwn(row.reasons, problem.reason);
  return new SkerryError(
    (known ? `${code}/${problem.reason}` : code) as ErrorId,
    problem.detail ?? `The server answered ${problem.status}.`,
    {
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      ...(problem.details === undefined ? {} : { details: problem.details }),
    },
  );
}
