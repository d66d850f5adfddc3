import { LIMITS } from "../../domain/limits.ts";

/** Whole lines of text, without their ends. What is longer than the limit comes in pieces. */
export async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    const whole = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = whole.pop() ?? "";
    yield* whole;
    if (rest.length <= LIMITS.compute.maxLineLength) continue;
    yield rest;
    rest = "";
  }
  if (rest !== "") yield rest;
}
