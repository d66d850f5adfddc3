/** Work by key: one at a time for each, some at a time in all. A key that is added while it is worked on is done once more. */

export interface KeyedQueueOptions {
  /** Keys that are worked on at once. */
  readonly most: number;
  readonly work: (key: string) => Promise<void>;
  readonly onError: (key: string, error: unknown) => void;
}

interface Task {
  again: boolean;
  done: Promise<void>;
}

/** Bounded by the number of keys: a key waits once. */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the key has been worked on, from now. Never rejects. */
  add(key: string): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const known = this.#tasks.get(key);
    if (known !== undefined) {
      known.again = true;
      return known.done;
    }
    const task: Task = { again: true, done: Promise.resolve() };
    this.#tasks.set(key, task);
    task.done = this.#run(key, task);
    return task.done;
  }

  /** Takes nothing more; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all([...this.#tasks.values()].map(({ done }) => done));
  }

  async #run(key: string, task: Task): Promise<void> {
    const { most, work, onError } = this.#options;
    if (this.#running >= most) await new Promise<void>((go) => this.#waiting.push(go));
    this.#running++;
    try {
      while (task.again && !this.#closed) {
        task.again = false;
        await work(key);
      }
    } catch (error) {
      onError(key, error);
    } finally {
      this.#tasks.delete(key);
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
