import { createFairQueue } from "./fair-queue.ts";

/** Lets so many through at the same time. */
export interface Turnstile {
  /** Resolves once it is one's turn, with what is to be called at the end. Rejects with `refusal` after the longest wait. */
  enter(owner: string, refusal: () => Error): Promise<() => void>;
}

interface TurnstileOptions {
  /** How many may be inside. */
  insideMax: number;
  /** How long one waits before it at most, in milliseconds. */
  waitMaxMs: number;
}

interface Outside {
  goIn: () => void;
  giveUp: () => void;
}

/** How often those that wait too long are looked for, in milliseconds. */
const checkMs = 250;
const place = (owner: string) => ({ lane: 0, owner });

/** Those that wait go in by turns of their owners, so that nobody waits behind all that another one wants. */
export function createTurnstile({ insideMax, waitMaxMs }: TurnstileOptions): Turnstile {
  const outside = createFairQueue<Outside>({ lanes: 1, turnRows: 1 });
  let inside = 0;
  let check: Timer | undefined;

  function leave(): void {
    const [next] = outside.take(1);
    if (next === undefined) inside -= 1;
    else next.item.goIn();
    stopChecking();
  }

  function refuseOverdue(): void {
    const sinceMs = performance.now() - waitMaxMs;
    for (const { item } of outside.takeOlder(() => sinceMs)) item.giveUp();
    stopChecking();
  }

  function stopChecking(): void {
    if (outside.items() > 0) return;
    clearInterval(check);
    check = undefined;
  }

  return {
    async enter(owner, refusal) {
      if (inside < insideMax) {
        inside += 1;
        return leave;
      }
      return new Promise((resolve, reject) => {
        outside.push({
          item: { goIn: () => resolve(leave), giveUp: () => reject(refusal()) },
          rows: 1,
          sinceMs: performance.now(),
          place: place(owner),
        });
        check ??= setInterval(refuseOverdue, checkMs);
      });
    },
  };
}
