/**
 * A map that never changes and makes its successor cheaply: a large base that both share, and a small layer of what is
 * different. When the layer has grown, the two are merged into a new base.
 */
export class LayeredMap<V> {
  readonly #base: ReadonlyMap<string, V>;
  /** `undefined` for what is gone. */
  readonly #layer: ReadonlyMap<string, V | undefined>;

  private constructor(base: ReadonlyMap<string, V>, layer: ReadonlyMap<string, V | undefined>) {
    this.#base = base;
    this.#layer = layer;
  }

  static empty<V>(): LayeredMap<V> {
    return new LayeredMap<V>(new Map(), new Map());
  }

  get(key: string): V | undefined {
    if (this.#layer.size > 0) {
      const value = this.#layer.get(key);
      if (value !== undefined || this.#layer.has(key)) return value;
    }
    return this.#base.get(key);
  }

  /** `undefined` in `changes` removes. */
  with(changes: ReadonlyMap<string, V | undefined>): LayeredMap<V> {
    if (changes.size === 0) return this;
    const layer = new Map([...this.#layer, ...changes]);
    // The square root balances copying the layer each time and the base now and then.
    if (layer.size ** 2 <= this.#base.size) return new LayeredMap(this.#base, layer);
    const base = new Map(this.#base);
    for (const [key, value] of layer) {
      if (value === undefined) base.delete(key);
      else base.set(key, value);
    }
    return new LayeredMap<V>(base, new Map());
  }
}
