/** Something that is done once, soon: to the millisecond, unlike deadlines. Keeps no process alive. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;

  /** In place of what was to be done before. */
  set(inMs: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, inMs);
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
