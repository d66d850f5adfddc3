/** At the end of a turn of the loop, after all sockets were read, connections write what they have collected. */

export interface Flushable {
  flush(): void;
}

/** Calls `run` at the end of the turn after so many. */
export function afterTurns(flusher: Flusher, turns: number, run: () => void): void {
  let left = turns;
  const one: Flushable = {
    flush() {
      if (--left > 0) flusher.add(one);
      else run();
    },
  };
  flusher.add(one);
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
