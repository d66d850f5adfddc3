/** Docker's framing of stdout and stderr on one connection: stream, 3 bytes, length (4 bytes, big-endian), content. */

export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 8;
const STDERR = 2;

/** Content is handed on as it comes; a frame may come in several parts. An end within a frame is the end. */
export async function* readFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: Frame["stream"] = "stdout";
  for await (const part of body) {
    let at = 0;
    while (at < part.length) {
      if (left > 0) {
        const bytes = part.subarray(at, at + left);
        left -= bytes.length;
        at += bytes.length;
        yield { stream, bytes };
        continue;
      }
      const wanted = HEADER_BYTES - header.length;
      header = Buffer.concat([header, part.subarray(at, at + wanted)]);
      at += wanted;
      if (header.length < HEADER_BYTES) break;
      stream = header[0] === STDERR ? "stderr" : "stdout";
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  }
}
