/** How much more an owner may hold than what is left free: alone it gets four fifths of all, and a second one always finds room. */
const greed = 4;

/**
 * Whether an owner may hold `more` of something bounded: the dynamic threshold of Choudhury and Hahne ("Dynamic queue length
 * thresholds for shared-memory packet switches", 1998). The fuller it is, the less each may hold, so that nobody has
 * to be counted and nobody is shut out. What is more than all of it fits where nothing else is held.
 *
 * @param part of what the owner may hold, what this kind of thing may fill it to
 */
export function fitsShare(
  { max, used, own, part = 1 }: { max: number; used: number; own: number; part?: number },
  more: number,
): boolean {
  if (used === 0) return true;
  return used + more <= max && own + more <= part * greed * (max - used);
}

/** A bound that owners share, for what is held for a while. */
export interface Shares {
  /** Holds so much for an owner until what it gives is called; null where the owner has its share. */
  hold(owner: string, amount: number): (() => void) | null;
}

export function createShares(max: number): Shares {
  const held = new Map<string, number>();
  let used = 0;
  return {
    hold(owner, amount) {
      const own = held.get(owner) ?? 0;
      if (!fitsShare({ max, used, own }, amount)) return null;
      held.set(owner, own + amount);
      used += amount;
      return () => {
        used -= amount;
        const left = (held.get(owner) ?? 0) - amount;
        if (left > 0) held.set(owner, left);
        else held.delete(owner);
      };
    },
  };
}
