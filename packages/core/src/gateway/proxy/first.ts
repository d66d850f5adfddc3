/** One of several addresses that takes a connection (RFC 8305, "happy eyeballs"): a dead one costs a moment, not a timeout. */

/** A connection that is being made. */
export interface Attempt<T> {
  /** Resolves when it is there; rejects also when it was called off. */
  readonly made: Promise<T>;
  callOff(): void;
}

/** `later` runs something after a while, and gives what calls that off. */
export type Later = (run: () => void) => () => void;

/** The first that is made; the others are called off. Rejects with the first failure when all fail. */
export function firstMade<T>(
  addresses: readonly string[],
  attempt: (address: string) => Attempt<T>,
  later: Later,
): Promise<T> {
  if (addresses.length === 1) return attempt(addresses[0] as string).made;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const open = new Set<Attempt<T>>();
  let next = 0;
  let isOver = false;
  let failure: unknown;
  let callOffNext = (): void => undefined;
  const start = (): void => {
    callOffNext();
    if (isOver || next === addresses.length) return;
    const one = attempt(addresses[next++] as string);
    open.add(one);
    callOffNext = next < addresses.length ? later(start) : () => undefined;
    one.made.then(
      (made) => {
        open.delete(one);
        // Both were made in the same moment.
        if (isOver) return one.callOff();
        isOver = true;
        callOffNext();
        for (const other of open) other.callOff();
        resolve(made);
      },
      (error: unknown) => {
        open.delete(one);
        failure ??= error;
        if (isOver) return;
        if (next < addresses.length) start();
        else if (open.size === 0) reject(failure);
      },
    );
  };
  start();
  return promise;
}
