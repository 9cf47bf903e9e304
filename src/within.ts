/**
 * What `work` gives if it does so within `ms` milliseconds, else what `late` gives or throws. Late work goes on, and what it
 * gives then is nobody's.
 */
export async function within<T, Late>(ms: number, work: Promise<T>, late: () => Late): Promise<T | Late> {
  const { promise: timedOut, resolve } = Promise.withResolvers<symbol>();
  const timer = setTimeout(resolve, ms, isLate);
  try {
    const first = await Promise.race([work, timedOut]);
    return first === isLate ? late() : (first as T);
  } finally {
    clearTimeout(timer);
  }
}

const isLate = Symbol("late");
