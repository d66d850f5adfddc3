/** A daemon of which a test decides every answer: the real client over a transport without a network. */
import { Client } from "@skerry/core/contract/client/client.ts";
import type { TransportRequest, TransportResponse } from "@skerry/core/contract/client/transport.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";

export type Answer =
  /** `later`: not before that. */
  | { readonly status?: number; readonly json: unknown; readonly later?: Promise<void> }
  | { readonly stream: Stream }
  | { readonly bytes: AsyncIterable<Uint8Array> };

/** An event stream that the test writes. */
export class Stream {
  readonly #parts: (Uint8Array | Error)[] = [];
  #wake = () => {};

  send(name: "put" | "delete" | "progress", id: string, data: unknown): void {
    this.#push(Buffer.from(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  end(code: string, reason?: string): void {
    const problem = { status: 410, code, reason, title: code, detail: code };
    this.#push(Buffer.from(`event: end\ndata: ${JSON.stringify(problem)}\n\n`));
  }

  /** The connection is gone. */
  break(): void {
    this.#push(new SkerryError("unavailable", "The connection broke."));
  }

  #push(part: Uint8Array | Error): void {
    this.#parts.push(part);
    this.#wake();
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    signal?.addEventListener("abort", () => this.#wake());
    while (signal?.aborted !== true) {
      const part = this.#parts.shift();
      if (part instanceof Error) throw part;
      if (part !== undefined) yield part;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export class FakeDaemon {
  readonly requests: string[] = [];
  /** Answers nothing, as one that is not there. */
  down = false;
  readonly client: Client;

  constructor(answer: (target: string, request: TransportRequest) => Answer) {
    this.client = new Client({ transport: async (request) => this.#exchange(answer, request) });
  }

  async #exchange(
    answer: (target: string, request: TransportRequest) => Answer,
    request: TransportRequest,
  ): Promise<TransportResponse> {
    this.requests.push(`${request.method} ${request.target}`);
    if (this.down) throw new SkerryError("unavailable", "The daemon cannot be reached.");
    const given = answer(request.target, request);
    if ("stream" in given) return { status: 200, headers: {}, body: given.stream.read(request.signal) };
    if ("bytes" in given) return { status: 200, headers: {}, body: given.bytes };
    await given.later;
    const status = given.status ?? 200;
    const type = status < 400 ? "application/json" : "application/problem+json";
    return { status, headers: { "content-type": type }, body: once(Buffer.from(JSON.stringify(given.json))) };
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Looks until it is so. @throws after far longer than it takes. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 20_000; !holds(); await new Promise((done) => setTimeout(done, 5))) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
  }
}
