/** The end of one attempt: of its patience, or of the caller's. */
export interface Deadline extends Disposable {
  /** Aborts when the caller does or when the time is up, whichever is first. */
  signal: AbortSignal;
  /** Why it aborted, as an answer. Empty before. */
  reason: string;
}

/**
 * Joins the caller's `signal` with a limit of `timeoutMs`. Not `AbortSignal.any` with `AbortSignal.timeout`:
 * their timers and listeners live on after the attempt, and the caller's signal may live as long as the process.
 */
export function startDeadline(signal: AbortSignal, timeoutMs: number): Deadline {
  const controller = new AbortController();
  const end = (reason: string) => {
    deadline.reason ||= reason;
    controller.abort();
  };
  const onAbort = () => end("stopped by Carillon");
  const timer = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
  const deadline: Deadline = {
    signal: controller.signal,
    reason: "",
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    },
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return deadline;
}
