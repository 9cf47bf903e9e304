/** Waiting with a bound. Tests wait on signals; this is the one place where they poll. */

type Truthy<T> = Exclude<T, undefined | null | false | 0 | "">;

interface PollOptions {
  /** Milliseconds until giving up. */
  timeoutMs?: number;
  /** Milliseconds between the end of a probe and the start of the next. */
  intervalMs?: number;
}

/**
 * Probes until the answer is truthy, and returns it. A probe that throws is asked again.
 *
 * @throws Error after `timeoutMs` milliseconds, with the last answer or, as its cause, the last error.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 10 }: PollOptions = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: { answer: T } | { error: unknown } | undefined;

  for (;;) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) break;
    try {
      const answer = await within(leftMs, Promise.resolve().then(probe), () => hung(last));
      if (answer) return answer as Truthy<T>;
      last = { answer };
    } catch (error) {
      last = { error };
    }
    await Bun.sleep(intervalMs);
  }

  if (last && "error" in last) {
    throw new Error(`not within ${timeoutMs} ms; the last probe failed: ${String(last.error)}`, {
      cause: last.error,
    });
  }
  throw new Error(`not within ${timeoutMs} ms; the last answer was ${Bun.inspect(last?.answer)}`);
}

/**
 * Checks again and again until it is over, and once more then. A check that throws fails the test at once, as a probe
 * of `eventually` would not: for what must hold all the time.
 *
 * @throws what a check throws; Error where it is not over after `timeoutMs` milliseconds
 */
export async function holdsUntil(
  over: () => boolean,
  check: () => Promise<void>,
  { timeoutMs = 10_000, intervalMs = 10 }: PollOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const isOver = over();
    await within(Math.max(0, deadline - performance.now()), check(), () => `not over within ${timeoutMs} ms`);
    if (isOver) return;
    await Bun.sleep(intervalMs);
  }
}

/**
 * What `promise` gives, if it does so within `timeoutMs` milliseconds.
 *
 * @throws Error with the text of `why`, which is asked only when the time is up.
 */
export async function within<T>(timeoutMs: number, promise: Promise<T>, why: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(why())), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function hung(last: { answer: unknown } | { error: unknown } | undefined): string {
  if (!last) return "it never answered";
  return "error" in last
    ? `it hung; before that: ${String(last.error)}`
    : `it hung; before that it answered ${Bun.inspect(last.answer)}`;
}
