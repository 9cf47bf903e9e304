import type { Consumer } from "kafkajs";
import type { KafkaBounds } from "./kafka-bounds.ts";

/**
 * Commits what was handled when nothing more comes: kafkajs looks at its commit interval only while it handles a
 * batch, so that the end of a burst would stay uncommitted, and be handled again after a restart.
 */
export function createIdleCommits(consumer: Consumer, topic: string, { idleCommitMs }: KafkaBounds) {
  /** The offset of the next event, by partition, where it is not committed. */
  const open = new Map<number, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function commitNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (open.size === 0) return;
    await consumer.commitOffsets([...open].map(([partition, offset]) => ({ topic, partition, offset })));
  }

  return {
    commitNow,

    /** @param offset of the last event that is handled */
    resolved(partition: number, offset: string): void {
      open.set(partition, String(BigInt(offset) + 1n));
      clearTimeout(timer);
      // What fails is committed with the next batch, or handled once more by whoever gets the partition.
      timer = setTimeout(() => void commitNow().catch(() => {}), idleCommitMs);
    },

    committed(topics: { topic: string; partitions: { partition: number; offset: string }[] }[]): void {
      for (const { partitions } of topics) {
        for (const { partition, offset } of partitions) {
          if (open.get(partition) === String(offset)) open.delete(partition);
        }
      }
    },

    /** Others may have these partitions now. */
    forget(): void {
      clearTimeout(timer);
      open.clear();
    },
  };
}
