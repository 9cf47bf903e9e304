import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { parseAccept } from "hono/utils/accept";

/**
 * Answers in fewer bytes, by what the client takes (Accept-Encoding, RFC 9110 §12.5.3). Off the main thread, all of it.
 */

/** The best one first, where the client likes them alike: zstd takes a third of gzip's time for as few bytes. */
const codings = ["zstd", "br", "gzip"] as const;
export type Coding = (typeof codings)[number];

/** Below it, the headers and the time cost more than the bytes. The guide's threshold. */
export const compressedMinBytes = 1024;

/** The levels of zstd and brotli whose time is at most that of gzip's 6. */
const zstdLevel = 3;
const brotliQuality = 4;

export interface CompressionOptions {
  /** Of gzip, 1 to 9; with 0, nothing is compressed. */
  gzipLevel: number;
  /** A body was made smaller, in so many milliseconds; null for one that came in pieces, whose time is the sender's, too. */
  compressed(coding: Coding, bytesIn: number, bytesOut: number, ms: number | null): void;
}

/** A body as it is sent, and what its headers are to say. */
export interface Encoded {
  body: string | Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
}

export interface Compression {
  /** A text for one client. */
  encode(text: string, acceptEncoding: string | null): Promise<Encoded>;
  /** A body that comes in pieces; each is sent on as soon as the coding lets it go. */
  encodeStream(
    stream: ReadableStream<Uint8Array>,
    acceptEncoding: string | null,
  ): { body: ReadableStream<Uint8Array>; headers: Record<string, string> };
}

export function createCompression({ gzipLevel, compressed }: CompressionOptions): Compression {
  const zip = promisify<Uint8Array, { level: number }, Buffer>(gzip);
  const brotli = promisify<Uint8Array, { params: Record<number, number> }, Buffer>(brotliCompress);
  const encoders: Record<Coding, (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>> = {
    zstd: (bytes) => Bun.zstdCompress(bytes, { level: zstdLevel }),
    br: (bytes) =>
      brotli(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      }),
    gzip: (bytes) => zip(bytes, { level: gzipLevel }),
  };
  const wanted = (acceptEncoding: string | null) => (gzipLevel === 0 ? null : codingFor(acceptEncoding));
  return {
    async encode(text, acceptEncoding) {
      if (text.length < compressedMinBytes && Buffer.byteLength(text) < compressedMinBytes) {
        return { body: text, headers: {} };
      }
      const coding = wanted(acceptEncoding);
      if (coding === null) return { body: text, headers: varying };
      const startedMs = performance.now();
      const bytes = new TextEncoder().encode(text);
      // Never shared memory, which zlib's types do not rule out.
      const body = (await encoders[coding](bytes)) as Uint8Array<ArrayBuffer>;
      compressed(coding, bytes.length, body.length, performance.now() - startedMs);
      return { body, headers: headersOf(coding) };
    },
    encodeStream(stream, acceptEncoding) {
      const coding = wanted(acceptEncoding);
      if (coding === null) return { body: stream, headers: varying };
      let bytesIn = 0;
      let bytesOut = 0;
      const body = whenRead(stream, (read) =>
        read
          .pipeThrough(counting((bytes) => (bytesIn += bytes)))
          .pipeThrough(new CompressionStream(streamNames[coding]) as Pieces)
          .pipeThrough(
            counting(
              (bytes) => (bytesOut += bytes),
              () => compressed(coding, bytesIn, bytesOut, null),
            ),
          ),
      );
      return { body, headers: headersOf(coding) };
    },
  };
}

/** CompressionStream is one, too, which its type does not say: it takes more than bytes of one kind. */
type Pieces = TransformStream<Uint8Array, Uint8Array>;

function counting(count: (bytes: number) => void, onEnd: () => void = () => {}): Pieces {
  return new TransformStream({
    transform(piece, controller) {
      count(piece.byteLength);
      controller.enqueue(piece);
    },
    flush: onEnd,
  });
}

/** A stream through `pipes` that begins when it is read: a pipe reads at once, though only the head may have been asked for. */
function whenRead(
  source: ReadableStream<Uint8Array>,
  pipes: (source: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  let piped: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream(
    {
      async pull(controller) {
        piped ??= pipes(source)[Symbol.asyncIterator]();
        const { done, value } = await piped.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        if (piped === undefined) await source.cancel();
        else await piped.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

const varying = { vary: "Accept-Encoding" };
const headersOf = (coding: Coding) => ({ ...varying, "content-encoding": coding });

/** CompressionStream's words. */
const streamNames = { zstd: "zstd", br: "brotli", gzip: "gzip" } as const satisfies Record<Coding, string>;

/**
 * What the client takes with the most weight; null where that is none of ours, or it would rather have the plain bytes.
 */
export function codingFor(acceptEncoding: string | null): Coding | null {
  if (acceptEncoding === null) return null;
  const weights = new Map(parseAccept(acceptEncoding).map(({ type, q }) => [type.toLowerCase(), q]));
  const weightOf = (coding: Coding) => weights.get(coding) ?? weights.get("*") ?? 0;
  const [best] = codings.toSorted((a, b) => weightOf(b) - weightOf(a));
  if (best === undefined || weightOf(best) === 0) return null;
  return weightOf(best) >= (weights.get("identity") ?? 0) ? best : null;
}
