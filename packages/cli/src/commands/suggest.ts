/** "Did you mean": the nearest of what there is. */

/** What people type from the habit of other tools. */
const SYNONYMS: Readonly<Record<string, string>> = {
  list: "ls",
  delete: "rm",
  remove: "rm",
  del: "rm",
  show: "get",
  describe: "get",
  add: "create",
  new: "create",
  make: "create",
  edit: "update",
  set: "update",
  copy: "cp",
  start: "up",
  serve: "up",
  contexts: "context",
  password: "passwd",
  "--password": "--password-file",
  "--token": "--token-file",
  "--force": "--yes",
  "--format": "--output",
  "--recursive": "-r",
  "-p": "--publish",
  "--port": "--publish",
  "-v": "--volume",
  "-m": "--memory",
  "--cpus": "--cpu",
};

/** The nearest candidate, or undefined when none is near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const synonym = Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : undefined;
  if (synonym !== undefined && candidates.includes(synonym)) return synonym;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.replace(/^-+/, "").length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best !== undefined) return best;
  const begun = candidates.filter((candidate) => word.length >= 2 && candidate.startsWith(word));
  return begun.length === 1 ? begun[0] : undefined;
}

/**
 * Optimal string alignment: insertions, deletions, replacements and swaps of neighbours (Damerau 1964, in the restricted
 * form). Beyond `limit` the answer is only known to be at least that.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
