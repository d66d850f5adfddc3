import { LIMITS } from "../domain/limits.ts";
import type { Clock } from "../domain/ports.ts";
import type { Engine } from "./engine.ts";

/** What a container said last, raw. Nothing when the engine cannot tell, or not in time. */
export async function lastLines(engine: Engine, id: string, clock: Clock): Promise<readonly string[]> {
  const { lastLines: tail, maxLastLineLength } = LIMITS.compute;
  const ended = new AbortController();
  const late = clock.sleep(LIMITS.compute.engineCallMs, ended.signal);
  late.then(
    () => ended.abort(),
    () => undefined,
  );
  try {
    const parts: Uint8Array[] = [];
    const most = tail * maxLastLineLength * 4;
    let sizeBytes = 0;
    for await (const part of await engine.logs(id, { follow: false, tail, timestamps: false, signal: ended.signal })) {
      parts.push(Buffer.from(part.subarray(0, most - sizeBytes)));
      sizeBytes += part.length;
      if (sizeBytes >= most) break;
    }
    const text = Buffer.concat(parts).toString().replace(/\n$/, "");
    if (text === "") return [];
    return text
      .split("\n")
      .slice(-tail)
      .map((line) => line.slice(0, maxLastLineLength).toWellFormed());
  } catch {
    return [];
  } finally {
    ended.abort();
  }
}
