/** "Did you mean ...": the known name that is nearest to a mistyped one. */

/**
 * The nearest of `known`, or undefined when none is near. Case, dots, dashes and underscores count for nothing, so that
 * `listen_api` finds `listen.api`.
 */
export function nearest<T extends string>(name: string, known: readonly T[]): T | undefined {
  const plain = plainOf(name);
  // Longer than any name of ours with its typing errors: not worth comparing.
  if (plain.length === 0 || plain.length > 64) return undefined;
  let best: { name: T; distance: number } | undefined;
  for (const candidate of known) {
    const other = plainOf(candidate);
    const distance = editDistance(plain, other);
    const allowed = Math.max(1, Math.floor(Math.max(plain.length, other.length) / 3));
    if (distance <= allowed && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name;
}

function plainOf(name: string): string {
  return name.toLowerCase().replace(/[-_.]/g, "");
}

/** Optimal string alignment distance: insert, delete, replace, swap of neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, at(row - 2, column - 2) + 1);
      }
      current.push(distance);
    }
  }
  return at(a.length, b.length);
}

/** The end of a message: ` Did you mean X?`, or nothing. */
export function didYouMean(name: string | undefined): string {
  return name === undefined ? "" : ` Did you mean ${name}?`;
}
