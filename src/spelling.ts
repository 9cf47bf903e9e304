/** How many slips a name may hold to be taken for another: one in four letters, and two at most. */
const slipsMax = (name: string) => Math.min(2, Math.floor(name.length / 4));

/** The one of `known` that `name` is likely meant to be, or null. */
export function nearestName(name: string, known: string[]): string | null {
  const near = known
    .map((one) => ({ one, slips: slips(name.toUpperCase(), one) }))
    .filter(({ one, slips }) => slips <= slipsMax(one))
    .sort((a, b) => a.slips - b.slips);
  return near[0]?.one ?? null;
}

/** Letters that are missing, too many, wrong or swapped with their neighbour (optimal string alignment). */
function slips(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const dropped = (row[j] ?? 0) + 1;
      const added = (next[j - 1] ?? 0) + 1;
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(changed, dropped, added, swapped));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
