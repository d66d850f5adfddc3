/**
 * Buffers of `LIMITS.objects.ioBytes` that uploads are done with, for the next who needs one. Held weakly: what nobody takes
 * until the next collection goes. Only uploads give: what a download has handed out may still be on its way to a reader, and
 * must never become somebody else's bytes.
 */
import { LIMITS } from "../domain/limits.ts";

export class SpareBuffers {
  #spare: WeakRef<Uint8Array>[] = [];

  /** Of `ioBytes`; content undefined. */
  take(): Uint8Array {
    for (let last = this.#spare.pop(); last !== undefined; last = this.#spare.pop()) {
      const buffer = last.deref();
      if (buffer !== undefined) return buffer;
    }
    return Buffer.allocUnsafeSlow(LIMITS.objects.ioBytes);
  }

  /** Nothing may read or write it any more. One of another size goes. */
  give(buffer: Uint8Array): void {
    if (buffer.byteLength === LIMITS.objects.ioBytes) this.#spare.push(new WeakRef(buffer));
    if (this.#spare.length > LIMITS.objects.maxUploads) this.#spare.shift();
  }
}
