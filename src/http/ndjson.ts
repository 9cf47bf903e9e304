/** JSON, a value a line (https://github.com/ndjson/ndjson-spec): what can be read before it is all there. */
export const ndjsonType = "application/x-ndjson";

export const ndjsonLine = (value: unknown) => `${JSON.stringify(value)}\n`;

interface Ends {
  /** Something was asked for, for the first time. */
  onStart(): unknown;
  /** Nothing more will be asked for. */
  onEnd(): unknown;
  onError(error: unknown): unknown;
}

/**
 * Values as a stream of lines. It pulls: the next batch is fetched once the receiver has room for it, and none
 * before the first byte is wanted. Where the receiver goes away, the batches are ended. Where a batch cannot be
 * had, the stream errs, and the server cuts the connection, so that half is never taken for the whole.
 */
export function ndjsonOf(batches: AsyncIterable<unknown[]>, { onStart, onEnd, onError }: Ends) {
  const iterator = batches[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let started = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!started) onStart();
        started = true;
        try {
          const { done, value } = await iterator.next();
          if (!done) {
            controller.enqueue(encoder.encode(value.map(ndjsonLine).join("")));
            return;
          }
          onEnd();
          controller.close();
        } catch (error) {
          onEnd();
          onError(error);
          // Without a reason: Bun prints what it is given, and the parameters of a statement are people's words.
          controller.error();
        }
      },
      async cancel() {
        if (started) onEnd();
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
