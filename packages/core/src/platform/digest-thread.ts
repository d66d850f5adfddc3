/** The thread of `digests.ts`. */
import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { DigestAnswer, DigestRequest } from "./digests.ts";

const streams = new Map<number, Hash>();

parentPort?.on("message", ({ stream, data, forget }: DigestRequest) => {
  if (forget) {
    streams.delete(stream);
    return;
  }
  const hash = streams.get(stream) ?? createHash("md5");
  let answer: DigestAnswer = null;
  if (data === undefined) {
    answer = hash.digest("hex");
    streams.delete(stream);
  } else {
    hash.update(data);
    streams.set(stream, hash);
  }
  parentPort?.postMessage(answer);
});
