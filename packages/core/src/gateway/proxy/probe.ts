/** One question to a backend whether it is well, on a connection of its own. */
import type { SkerryError } from "../../domain/errors.ts";
import { type HealthSpec, statusesOf } from "../../domain/upstream-care.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { Backend } from "../table.ts";
import type { Context } from "./context.ts";
import { errorId } from "./heads.ts";
import type { ConnectionTaker } from "./pool.ts";
import type { AnswerTaker, UpstreamSide } from "./sides.ts";

export class Probe implements ConnectionTaker, AnswerTaker {
  readonly isHeadRequest = false;
  readonly isUpgrade = false;
  readonly #context: Context;
  readonly #backend: Backend;
  readonly #spec: HealthSpec;
  readonly #onDone: (trouble: string | undefined) => void;
  readonly #deadline: ReturnType<Context["deadlines"]["add"]>;
  #upstream: UpstreamSide | undefined;
  #isOver = false;

  /** `onDone` is called once, unless it is called off: with what is wrong, in a few words. */
  constructor(
    context: Context,
    backend: Backend,
    spec: HealthSpec,
    timeoutMs: number,
    onDone: (trouble: string | undefined) => void,
  ) {
    this.#context = context;
    this.#backend = backend;
    this.#spec = spec;
    this.#onDone = onDone;
    const lateMs = context.options.monotonicMs() + timeoutMs;
    this.#deadline = context.deadlines.add(lateMs, () => this.#end(`no answer within ${timeoutMs} ms`));
  }

  get isGone(): boolean {
    return this.#isOver;
  }

  callOff(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.deadlines.delete(this.#deadline);
    this.#upstream?.abandon();
  }

  #end(trouble: string | undefined): void {
    if (this.#isOver) return;
    this.callOff();
    this.#onDone(trouble);
  }

  onConnection(upstream: UpstreamSide): void {
    this.#upstream = upstream;
    const { path, host } = this.#spec;
    if (path === undefined) {
      this.#end(undefined);
      return;
    }
    const backend =
      this.#backend.kind === "tcp" && host !== undefined ? { ...this.#backend, hostHeader: host } : this.#backend;
    const id = this.#context.nextRequestId();
    upstream.send(this, headOf(path, this.#backend), { backend, forwarded: "", id }, false);
  }

  onNoConnection(error: SkerryError): void {
    this.#end(errorId(error) === "unavailable/connect-timeout" ? "no connection in time" : "no connection");
  }

  onHead({ status }: ResponseHead): void {
    const [from, to] = statusesOf(this.#spec.status);
    this.#end(status >= from && status <= to ? undefined : `status ${status}`);
  }

  onUpstreamError(): void {
    this.#end("the connection broke");
  }

  onSwitch(): void {
    this.#end("status 101");
  }

  onInterim(): void {}
  onBody(): void {}
  onBatch(): void {}
  onTunnelBytes(): void {}
  onTunnelEnd(): void {}
  onUpstreamDrain(): void {}
}

function headOf(path: string, backend: Backend): RequestHead {
  const host =
    backend.kind === "tcp"
      ? `${backend.host.includes(":") ? `[${backend.host}]` : backend.host}:${backend.port}`
      : "localhost";
  return {
    ...{ method: "GET", target: path, hostHeader: host, host, bodyBytes: 0, hops: 0 },
    ...{ isHttp10: false, keepAlive: true, hasLength: false, expectsContinue: false, isUpgrade: false },
    ...{ takesTrailers: false, requestId: undefined, ticket: undefined },
    lines: "User-Agent: skerry-health\r\n",
  };
}
