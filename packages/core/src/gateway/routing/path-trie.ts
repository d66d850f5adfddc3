/** Path prefixes of one host in a radix trie: a lookup reads each character of the path at most once. */

interface TrieNode<T> {
  label: string;
  value: T | undefined;
  children: Map<number, TrieNode<T>> | undefined;
}

const SLASH = 0x2f;

/** Never changed once it is filled. Prefixes match at the boundaries of segments: `/api` takes `/api/x`, not `/apix`. */
export class PathTrie<T> {
  readonly #root: TrieNode<T> = { label: "", value: undefined, children: undefined };

  /** The first value for a prefix stays. A slash at the end of a prefix means nothing. */
  constructor(entries: Iterable<readonly [prefix: string, value: T]>) {
    for (const [prefix, value] of entries) this.#insert(prefix.replace(/\/+$/, ""), value);
  }

  /** The value of the longest prefix of `path`, which begins with a slash. */
  find(path: string): T | undefined {
    let node = this.#root;
    let best = node.value;
    let at = 0;
    for (;;) {
      const child = node.children?.get(path.charCodeAt(at));
      if (child === undefined || !path.startsWith(child.label, at)) return best;
      at += child.label.length;
      node = child;
      if (node.value !== undefined && (at === path.length || path.charCodeAt(at) === SLASH)) best = node.value;
    }
  }

  #insert(prefix: string, value: T): void {
    let node = this.#root;
    let rest = prefix;
    while (rest !== "") {
      node.children ??= new Map();
      const child = node.children.get(rest.charCodeAt(0));
      if (child === undefined) {
        node.children.set(rest.charCodeAt(0), { label: rest, value, children: undefined });
        return;
      }
      const shared = sharedLength(child.label, rest);
      if (shared < child.label.length) split(child, shared);
      node = child;
      rest = rest.slice(shared);
    }
    node.value ??= value;
  }
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Cuts a node's label in two: what is behind `at` becomes its only child. */
function split<T>(node: TrieNode<T>, at: number): void {
  const tail: TrieNode<T> = { label: node.label.slice(at), value: node.value, children: node.children };
  node.label = node.label.slice(0, at);
  node.value = undefined;
  node.children = new Map([[tail.label.charCodeAt(0), tail]]);
}
