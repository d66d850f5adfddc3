/** MD5 in a thread: it takes as long as everything else that an upload does on the main thread together. */
import { Worker } from "node:worker_threads";
import type { DigestThread, StreamDigest } from "../domain/ports.ts";

/** To the thread. `data` shares its memory; without it the digest is asked for. */
export interface DigestRequest {
  readonly stream: number;
  readonly data?: Uint8Array;
  /** The stream is given up. */
  readonly forget?: true;
}

/** From the thread, one for each request except `forget`, in their order. */
export type DigestAnswer = string | null;

interface Waiting {
  readonly resolve: (answer: DigestAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** In the published package the thread is JavaScript. */
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./digest-thread.ts" : "./digest-thread.js", import.meta.url);

/** The thread starts with the first digest, does not keep the process alive, and starts again if it dies. */
export function createDigestThread(): DigestThread {
  let worker: Worker | undefined;
  let nextStream = 0;
  let waiting: Waiting[] = [];

  function start(): Worker {
    const started = new Worker(THREAD, { name: "skerry-digests", resourceLimits: { maxOldGenerationSizeMb: 64 } });
    started.unref();
    const die = (error: Error): void => {
      if (worker !== started) return;
      worker = undefined;
      const lost = waiting;
      waiting = [];
      for (const one of lost) one.reject(error);
    };
    // A late word of a thread that was given up must not answer those who ask its successor.
    started.on("message", (answer: DigestAnswer) => {
      if (worker === started) waiting.shift()?.resolve(answer);
    });
    started.on("error", die);
    started.on("exit", () => die(new Error("the digest thread ended")));
    return started;
  }

  function ask(thread: Worker, request: DigestRequest): Promise<DigestAnswer> {
    return new Promise((resolve, reject) => {
      if (worker !== thread) return reject(new Error("the digest thread ended"));
      waiting.push({ resolve, reject });
      thread.postMessage(request);
    });
  }

  return {
    md5(): StreamDigest {
      worker ??= start();
      const thread = worker;
      const stream = nextStream;
      nextStream += 1;
      return {
        async update(data) {
          await ask(thread, { stream, data });
        },
        async digest() {
          return (await ask(thread, { stream })) ?? "";
        },
        forget() {
          if (worker === thread) thread.postMessage({ stream, forget: true } satisfies DigestRequest);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await worker?.terminate();
    },
  };
}
