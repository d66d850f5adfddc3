/**
 * Recycled buffers for disk I/O. They lie in WebAssembly memory because that begins at a page, which O_DIRECT needs and
 * Node's own buffers do not; it takes real memory only where it was touched.
 */
import { LIMITS } from "../domain/limits.ts";

/** TypeScript knows WebAssembly only from the DOM's types. */
interface WasmGlobal {
  readonly WebAssembly: {
    readonly Memory: new (shape: {
      initial: number;
      maximum: number;
      shared: true;
    }) => { readonly buffer: SharedArrayBuffer };
  };
}

const WASM_PAGE_BYTES = 65_536;

/** Page-aligned bytes, zeroed. */
export function pageAlignedBytes(sizeBytes: number): Uint8Array {
  const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
  const { Memory } = (globalThis as unknown as WasmGlobal).WebAssembly;
  return new Uint8Array(new Memory({ initial: pages, maximum: pages, shared: true }).buffer, 0, sizeBytes);
}

interface Waiter {
  readonly give: (buffer: Uint8Array) => void;
}

export class BufferPool {
  readonly #free: Uint8Array[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #count: number;

  constructor(count: number = LIMITS.objects.poolBuffers, sizeBytes: number = LIMITS.objects.ioBytes) {
    const memory = pageAlignedBytes(count * sizeBytes);
    this.#count = count;
    for (let i = 0; i < count; i += 1) this.#free.push(memory.subarray(i * sizeBytes, (i + 1) * sizeBytes));
  }

  get used(): number {
    return this.#count - this.#free.length;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** A buffer, content undefined. Who waits longest gets the next one. Rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<Uint8Array> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const buffer = this.#free.pop();
    if (buffer !== undefined) return Promise.resolve(buffer);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        give: (given) => {
          signal?.removeEventListener("abort", stop);
          resolve(given);
        },
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Gives a buffer back. Nothing may read or write it any more. */
  release(buffer: Uint8Array): void {
    const [waiter] = this.#waiters;
    if (waiter === undefined) {
      this.#free.push(buffer);
      return;
    }
    this.#waiters.delete(waiter);
    waiter.give(buffer);
  }
}
