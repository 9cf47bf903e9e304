/** Room in a lane's queue for deliveries that are this process's to send from their plan on. */
export interface Places {
  /**
   * Takes places for `count` deliveries. Waits until there are so many, or half of all there are; after `waitMs` it takes
   * what is free. None, and no waiting, where more has to go before them than there are, and than is sent in a second.
   */
  take(count: number, waitMs: number): Promise<number>;
  /** So many that were taken are in the queue now, or are not needed. */
  free(count: number): void;
  /** The queue holds less than before. */
  recheck(): void;
}

export interface QueueFacts {
  /** How many the queue may hold now. */
  most: () => number;
  /** How many of them it holds. */
  held: () => number;
  /** How many deliveries have to be claimed before any of these goes. */
  before: () => number;
  /** How many the channel sends in so many milliseconds, as it went lately. */
  sentIn: (ms: number) => number;
}

/**
 * What waits to be claimed is soon gone where it is sent within so many milliseconds. Then the lane waits a little with each
 * batch, and has caught up; without that, a burst that once overflowed went the long way to its end, at 0.87 of the rate.
 */
const catchUpMs = 1000;

interface Waiter {
  count: number;
  resolve: (taken: number) => void;
  timer: Timer;
}

/**
 * What is planned faster than it is sent waits here for a moment, and is ours with its plan; else it would go the long way:
 * stored as queued, kept by its id, claimed, read again. Who comes first is served first.
 */
export function createPlaces({ most, held, before, sentIn }: QueueFacts): Places {
  let taken = 0;
  const waiters: Waiter[] = [];

  const freeNow = () => (before() > 0 ? 0 : Math.max(0, most() - held() - taken));
  const isEnough = (count: number) => freeNow() >= Math.min(count, Math.ceil(most() / 2));

  function grant(count: number): number {
    const granted = Math.min(count, freeNow());
    taken += granted;
    return granted;
  }

  function serve(): void {
    for (let [first] = waiters; first !== undefined && isEnough(first.count); [first] = waiters) {
      waiters.shift();
      clearTimeout(first.timer);
      first.resolve(grant(first.count));
    }
  }

  return {
    take(count, waitMs) {
      if (waiters.length === 0 && isEnough(count)) return Promise.resolve(grant(count));
      if (waitMs <= 0 || before() > Math.max(most(), sentIn(catchUpMs))) return Promise.resolve(0);
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiters.splice(waiters.indexOf(waiter), 1);
          resolve(grant(count));
          serve();
        }, waitMs);
        const waiter: Waiter = { count, resolve, timer };
        waiters.push(waiter);
      });
    },
    free(count) {
      taken -= count;
      serve();
    },
    recheck: serve,
  };
}
