/** At the end of a turn of the loop, after all sockets were read, connections write what they have collected. */

export interface Flushable {
  flush(): void;
}

export class Flusher {
  #waiting: Flushable[] = [];
  #isDue = false;
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isDue = false;
    for (const one of waiting) one.flush();
  };

  /** Its `flush` is called once, soon. */
  add(one: Flushable): void {
    this.#waiting.push(one);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#run);
  }
}
