import type { Admin } from "kafkajs";
import { type Priority, priorities } from "../channels/channel.ts";
import { laneGroup, laneTopic } from "./kafka-topics.ts";

/** How far a lane's partitions, as far as they are assigned to this process, are behind. From the batches alone. */
export class PartitionLags {
  readonly #partitions = new Map<number, { high: number; handled: number }>();

  get partitions(): number {
    return this.#partitions.size;
  }

  assigned(partitions: number[]): void {
    for (const known of this.#partitions.keys())
      if (!partitions.includes(known)) this.#partitions.delete(known);
    for (const partition of partitions) {
      if (!this.#partitions.has(partition)) this.#partitions.set(partition, { high: 0, handled: 0 });
    }
  }

  /** @param high the offset that the partition's next event will have @param first the batch's first offset */
  fetched(partition: number, high: string, first: string): void {
    this.#partitions.set(partition, { high: Number(high), handled: Number(first) });
  }

  /** @param offset of the last event that is handled */
  handled(partition: number, offset: string): void {
    const lag = this.#partitions.get(partition);
    if (lag) lag.handled = Number(offset) + 1;
  }

  events(): number {
    let sum = 0;
    for (const { high, handled } of this.#partitions.values()) sum += Math.max(0, high - handled);
    return sum;
  }
}

/** What the groups of all lanes have not committed yet, asked of the brokers: two requests a lane. */
export async function fetchLag(admin: Admin, prefix: string): Promise<Record<Priority, number>> {
  const lags = await Promise.all(
    priorities.map(async (lane) => {
      const topic = laneTopic(prefix, lane);
      const [ends, [group]] = await Promise.all([
        admin.fetchTopicOffsets(topic),
        admin.fetchOffsets({ groupId: laneGroup(prefix, lane), topics: [topic] }),
      ]);
      const committed = new Map(
        group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
      );
      const events = ends.reduce((sum, { partition, high, low }) => {
        // Below zero where nothing was committed yet; below `low` where retention was faster.
        const from = Math.max(Number(low), committed.get(partition) ?? -1);
        return sum + Math.max(0, Number(high) - from);
      }, 0);
      return [lane, events] as const;
    }),
  );
  return Object.fromEntries(lags) as Record<Priority, number>;
}
