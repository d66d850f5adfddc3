/** The order of keys: that of their UTF-8 bytes, which is the order of code points and not JavaScript's of UTF-16 units. */

/** Negative, 0 or positive. Both must be well-formed strings. */
function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they come after U+E000 to U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Keys in order. New ones are put into their places when somebody looks, so that many at once cost one sort. */
export class KeyIndex {
  #sorted: string[] = [];
  #added: string[] = [];

  get size(): number {
    return this.#sorted.length + this.#added.length;
  }

  /** The key must not be there yet. */
  add(key: string): void {
    this.#added.push(key);
  }

  remove(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    this.#settle();
    if (keys.size > 32) {
      this.#sorted = this.#sorted.filter((key) => !keys.has(key));
      return;
    }
    for (const key of keys) {
      const at = this.#firstFrom(key);
      if (this.#sorted[at] === key) this.#sorted.splice(at, 1);
    }
  }

  /** Keys that begin with `prefix`, those after `after` only. Do not change the index while reading. */
  *range(prefix: string, after?: string): Generator<string, void, undefined> {
    this.#settle();
    let at = this.#firstFrom(prefix);
    if (after !== undefined && compareKeys(after, prefix) >= 0) {
      at = this.#firstFrom(after);
      if (this.#sorted[at] === after) at++;
    }
    for (let key = this.#sorted[at]; key?.startsWith(prefix); key = this.#sorted[++at]) yield key;
  }

  /** Place of the first key that is not before `key`. */
  #firstFrom(key: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#sorted[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #settle(): void {
    if (this.#added.length === 0) return;
    if (this.#added.length > 8) {
      this.#sorted = this.#sorted.concat(this.#added).sort(compareKeys);
    } else {
      for (const key of this.#added) this.#sorted.splice(this.#firstFrom(key), 0, key);
    }
    this.#added = [];
  }
}
