/** What kafkajs and the codecs have that their own types do not declare. */
declare module "kafkajs/src/network/requestQueue" {
  export default class RequestQueue {
    inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
    pending: unknown[];
    requestTimeoutIntervalId: Timer;
    isConnected(): boolean;
    destroy(): void;
    scheduleRequestTimeoutCheck(): void;
    scheduleCheckPendingRequests(): void;
    waitForPendingRequests(): Promise<void>;
    rejectAll(error: Error): void;
  }
}
declare module "kafkajs-snappy" {
  import type { KafkaCodec } from "./kafka-codecs.ts";
  export default function createSnappyCodec(): KafkaCodec;
}
declare module "lz4js" {
  /** A whole frame. */
  export function compress(bytes: Uint8Array): Uint8Array;
  export function decompress(frame: Uint8Array): Uint8Array;
}
