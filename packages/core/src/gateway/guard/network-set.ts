/**
 * Networks, and whether an address lies in one of them. What lies within another of them is left out, so the rest are apart
 * from each other, and the greatest one that is not above the address is the only one that can hold it: the leaves of a
 * Patricia trie (Morrison, 1968) in their order, found by halves instead of by inner nodes. 5 bytes for a network of IPv4, 17
 * for one of IPv6.
 */
import { address, formatNetwork, masked, type Network } from "../../domain/networks.ts";

/** As it crosses the control pipe: base64 of the numbers in the machine's own order. */
export interface EncodedSet {
  readonly v4: string;
  readonly v6: string;
}

/** Networks of one family, apart from each other and in order. */
class Family {
  readonly #width: number;
  /** A column for each word of the addresses. */
  readonly #columns: readonly Uint32Array[];
  readonly #bits: Uint8Array;

  constructor(columns: readonly Uint32Array[], bits: Uint8Array) {
    this.#columns = columns;
    this.#width = columns.length;
    this.#bits = bits;
  }

  get size(): number {
    return this.#bits.length;
  }

  /** Where the one stands that holds the address; below 0: none does. */
  find(words: Uint32Array): number {
    const first = this.#columns[0] as Uint32Array;
    const wanted = words[0] as number;
    let low = 0;
    let high = first.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const own = first[middle] as number;
      if (own > wanted || (own === wanted && this.#isBehind(middle, words))) high = middle;
      else low = middle + 1;
    }
    return low > 0 && this.#holds(low - 1, words) ? low - 1 : -1;
  }

  /** Of two whose first words are the same: whether it is above the address. */
  #isBehind(at: number, words: Uint32Array): boolean {
    for (let word = 1; word < this.#width; word++) {
      const own = (this.#columns[word] as Uint32Array)[at] as number;
      const other = words[word] as number;
      if (own !== other) return own > other;
    }
    return false;
  }

  #holds(at: number, words: Uint32Array): boolean {
    let bits = this.#bits[at] as number;
    for (let word = 0; word < this.#width && bits > 0; word++) {
      if (masked(words[word] as number, bits) !== (this.#columns[word] as Uint32Array)[at]) return false;
      bits -= 32;
    }
    return true;
  }

  at(at: number): Network {
    const word = (n: number): number => this.#columns[n]?.[at] ?? 0;
    return {
      isV4: this.#width === 1,
      words: [word(0), word(1), word(2), word(3)],
      bits: this.#bits[at] as number,
    };
  }

  encode(): string {
    return Buffer.concat([...this.#columns, this.#bits].map(bytesOf)).toString("base64");
  }

  static decode(text: string, width: number): Family {
    const bytes = Buffer.from(text, "base64");
    const count = bytes.length / (4 * width + 1);
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const columns = Array.from({ length: width }, (_, word) => new Uint32Array(own, 4 * count * word, count));
    return new Family(columns, new Uint8Array(own, 4 * count * width, count));
  }

  static of(networks: readonly Network[], width: number): Family {
    const sorted = networks.toSorted(inOrder);
    const kept: Network[] = [];
    for (const network of sorted) {
      const last = kept.at(-1);
      if (last === undefined || !isWithin(network, last)) kept.push(network);
    }
    const columns = Array.from({ length: width }, (_, word) => Uint32Array.from(kept, ({ words }) => words[word] ?? 0));
    return new Family(
      columns,
      Uint8Array.from(kept, ({ bits }) => bits),
    );
  }
}

export class NetworkSet {
  readonly #v4: Family;
  readonly #v6: Family;

  private constructor(v4: Family, v6: Family) {
    this.#v4 = v4;
    this.#v6 = v6;
  }

  static of(networks: readonly Network[]): NetworkSet {
    return new NetworkSet(
      Family.of(
        networks.filter(({ isV4 }) => isV4),
        1,
      ),
      Family.of(
        networks.filter(({ isV4 }) => !isV4),
        4,
      ),
    );
  }

  static decode({ v4, v6 }: EncodedSet): NetworkSet {
    return new NetworkSet(Family.decode(v4, 1), Family.decode(v6, 4));
  }

  encode(): EncodedSet {
    return { v4: this.#v4.encode(), v6: this.#v6.encode() };
  }

  /** Networks that are kept. */
  get size(): number {
    return this.#v4.size + this.#v6.size;
  }

  /** Whether it holds the address that `readAddress` has read last. */
  hasAddress(): boolean {
    return this.#family.find(address.words) >= 0;
  }

  /** The network that holds it, as it is written. */
  networkOfAddress(): string | undefined {
    const family = this.#family;
    const at = family.find(address.words);
    return at < 0 ? undefined : formatNetwork(family.at(at));
  }

  get #family(): Family {
    return address.isV4 ? this.#v4 : this.#v6;
  }
}

/** By address, the wider of two first. */
function inOrder(a: Network, b: Network): number {
  const one = a.words;
  const other = b.words;
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2] || one[3] - other[3] || a.bits - b.bits;
}

function isWithin({ words, bits }: Network, outer: Network): boolean {
  if (bits < outer.bits) return false;
  for (let at = 0; at < 4; at++)
    if (masked(words[at] as number, outer.bits - 32 * at) !== outer.words[at]) return false;
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
