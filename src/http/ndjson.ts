/** JSON, a value a line (https://github.com/ndjson/ndjson-spec): what can be read before it is all there. */
export const ndjsonType = "application/x-ndjson";

export const ndjsonLine = (value: unknown) => `${JSON.stringify(value)}\n`;

interface Life {
  /** How long it may take to be read, in milliseconds, from the first byte that is wanted to the last. */
  maxMs: number;
  /** Something was asked for, for the first time. */
  onStart(): unknown;
  /** Nothing more will be asked for. */
  onEnd(): unknown;
  onError(error: unknown): unknown;
}

/**
 * Values as a stream of lines. It pulls: the next batch is fetched once the receiver has room for it, and none
 * before the first byte is wanted. Where the receiver goes away, the batches are ended. Where a batch cannot be
 * had, or the time is up, the stream errs, and the server cuts the connection, so that half is never taken for the whole.
 */
export function ndjsonOf(batches: AsyncIterable<unknown[]>, { maxMs, onStart, onEnd, onError }: Life) {
  const iterator = batches[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let state: "new" | "started" | "ended" = "new";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function start(controller: ReadableStreamDefaultController): void {
    state = "started";
    timer = setTimeout(() => {
      fail(controller, new Error(`it was not read to its end within ${maxMs} ms`));
      iterator.return?.().catch(onError);
    }, maxMs);
    timer.unref();
    onStart();
  }

  function end(): void {
    if (state === "started") onEnd();
    state = "ended";
    clearTimeout(timer);
  }

  function fail(controller: ReadableStreamDefaultController, error: unknown): void {
    end();
    onError(error);
    // Without a reason: Bun prints what it is given, and the parameters of a statement are people's words.
    controller.error();
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (state === "new") start(controller);
        try {
          const { done, value } = await iterator.next();
          if (state === "ended") return;
          if (!done) {
            controller.enqueue(encoder.encode(value.map(ndjsonLine).join("")));
            return;
          }
          end();
          controller.close();
        } catch (error) {
          if (state !== "ended") fail(controller, error);
        }
      },
      async cancel() {
        end();
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
