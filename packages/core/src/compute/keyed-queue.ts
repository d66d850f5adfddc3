/**
 * Work by key: one at a time for each, some at a time in all and for each group, so that one group's slow work does not
 * keep the others waiting. A key that is added while it is worked on is done once more.
 */

export interface KeyedQueueOptions {
  /** Keys that are worked on at once. */
  readonly most: number;
  /** The same, of one group. */
  readonly mostOfGroup: number;
  readonly groupOf: (key: string) => string;
  readonly work: (key: string) => Promise<void>;
  readonly onError: (key: string, error: unknown) => void;
}

interface Task {
  again: boolean;
  done: Promise<void>;
}

interface Waiting {
  readonly group: string;
  readonly go: () => void;
}

/** Bounded by the number of keys: a key waits once. */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #tasks = new Map<string, Task>();
  /** In their order. */
  readonly #waiting: Waiting[] = [];
  /** Group of each key that is worked on. */
  readonly #running: string[] = [];
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
    for (const { go } of this.#waiting.splice(0)) go();
    await Promise.all([...this.#tasks.values()].map(({ done }) => done));
  }

  async #run(key: string, task: Task): Promise<void> {
    const { groupOf, work, onError } = this.#options;
    const group = groupOf(key);
    if (this.#hasRoom(group)) this.#running.push(group);
    else await new Promise<void>((go) => this.#waiting.push({ group, go }));
    try {
      while (task.again && !this.#closed) {
        task.again = false;
        await work(key);
      }
    } catch (error) {
      onError(key, error);
    } finally {
      this.#tasks.delete(key);
      this.#leave(group);
    }
  }

  #hasRoom(group: string): boolean {
    const { most, mostOfGroup } = this.#options;
    const own = this.#running.filter((other) => other === group).length;
    return this.#running.length < most && own < mostOfGroup;
  }

  /** The first that may go on takes the place. */
  #leave(group: string): void {
    const at = this.#running.indexOf(group);
    if (at >= 0) this.#running.splice(at, 1);
    const next = this.#waiting.findIndex((one) => this.#hasRoom(one.group));
    if (next < 0) return;
    const [{ group: taken, go } = { group: "", go: () => undefined }] = this.#waiting.splice(next, 1);
    this.#running.push(taken);
    go();
  }
}
