import { CompressionCodecs, CompressionTypes } from "kafkajs";
import createSnappyCodec from "kafkajs-snappy";
import * as lz4 from "lz4js";
import type { Config } from "../config.ts";

export interface KafkaCodec {
  compress(records: { buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

export const compressionTypes: Record<Config["kafkaCompression"], CompressionTypes> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

/** kafkajs has GZIP built in and takes the other three from us. All are read, whichever is written. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = createSnappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

/**
 * Level 1: the fastest is small enough (a thousand events: 225 KB → 17 KB). It takes 97 µs for these on this
 * thread and 146 µs by way of another; 3 µs and 33 µs for one event.
 */
const zstdCodec: KafkaCodec = {
  compress: async ({ buffer }) => Bun.zstdCompressSync(buffer, { level: 1 }),
  decompress: async (bytes) => Bun.zstdDecompressSync(bytes),
};

const lz4Codec: KafkaCodec = {
  compress: async ({ buffer }) => independentFrame(buffer),
  decompress: async (bytes) => Buffer.from(lz4.decompress(bytes)),
};

const headerBytes = 7;
const endMark = Buffer.alloc(4);
/** What lz4js puts into one block, and the block size that its header declares. */
const blockBytes = 4_194_304;

/**
 * lz4js 0.2.0 declares that a block may refer to the one before it, which brokers refuse ("Dependent block stream is
 * unsupported"). So each block is compressed as if it were alone, and the header says so: byte 4 holds the
 * flags (version 1, independent blocks, no checksums), byte 6 the header's own checksum, which is fixed since
 * the header is. https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
function independentFrame(bytes: Buffer): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += blockBytes) {
    const frame = lz4.compress(bytes.subarray(at, at + blockBytes));
    if (at === 0) {
      frame[4] = 0x60;
      frame[6] = 0x73;
    }
    parts.push(frame.subarray(at === 0 ? 0 : headerBytes, frame.length - endMark.length));
  }
  return Buffer.concat([...parts, endMark]);
}
