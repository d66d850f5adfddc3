/** Numbers of streams that we reset: what the peer has sent before it knew is thrown away. The oldest go. */
const MAX_RESET_IDS = 512;

export class ResetIds {
  readonly #ids = new Set<number>();

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= MAX_RESET_IDS) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
