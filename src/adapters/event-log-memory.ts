import { type Priority, priorities } from "../channels/channel.ts";
import { type EventLog, EventsRefused, type NotificationEvent } from "../ports.ts";

interface MemoryLogOptions {
  /** Events a lane holds at most, waiting and under way; what is over is not taken, and left to the sweep. */
  laneCapacity?: number;
  /** Events handed over at once, at most. */
  batchMax?: number;
  /** Called with what a handler threw; its batch is handed out again after `redeliverMs`, unless some was refused. */
  onError?: (error: unknown) => void;
  redeliverMs?: number;
}

interface Lane {
  waiting: NotificationEvent[];
  /** Ids waiting or under way: the sweep may publish what the log still holds, which then counts once. */
  held: Set<string>;
  /** Resolves once the lane's loop has come to rest. */
  idle: Promise<void>;
  running: boolean;
}

/**
 * The event log of a single process. Each lane has its own loop, so that a full one never holds up another.
 * What it holds is gone with the process; the database remembers it as pending.
 */
export function createMemoryEventLog({
  laneCapacity = 100_000,
  batchMax = 500,
  onError = () => {},
  redeliverMs = 1000,
}: MemoryLogOptions = {}): EventLog {
  const lanes = new Map<Priority, Lane>(
    priorities.map((priority) => [
      priority,
      { waiting: [], held: new Set(), idle: Promise.resolve(), running: false },
    ]),
  );
  let handler: ((batch: NotificationEvent[], lane: Priority) => Promise<void>) | undefined;
  let closed = false;

  const laneOf = (priority: Priority): Lane => {
    const lane = lanes.get(priority);
    if (lane === undefined) throw new Error(`no lane for priority ${priority}`);
    return lane;
  };

  async function drain(priority: Priority, lane: Lane): Promise<void> {
    while (handler !== undefined && !closed && lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, batchMax);
      let done = true;
      try {
        await handler(batch, priority);
      } catch (error) {
        onError(error);
        done = error instanceof EventsRefused;
      }
      if (done) for (const { id } of batch) lane.held.delete(id);
      else {
        lane.waiting.unshift(...batch);
        if (!closed) await Bun.sleep(redeliverMs);
      }
    }
    lane.running = false;
  }

  function start(priority: Priority, lane: Lane): void {
    if (lane.running || handler === undefined || closed) return;
    lane.running = true;
    lane.idle = drain(priority, lane);
  }

  return {
    async publishBuffered(events) {
      if (closed) return 0;
      let taken = 0;
      for (const event of events) {
        const lane = laneOf(event.priority);
        if (!lane.held.has(event.id)) {
          if (lane.held.size >= laneCapacity) continue;
          lane.held.add(event.id);
          lane.waiting.push(event);
        }
        taken += 1;
      }
      for (const [priority, lane] of lanes) if (lane.waiting.length > 0) start(priority, lane);
      return taken;
    },

    async consume(handle) {
      handler = handle;
      for (const [priority, lane] of lanes) if (lane.waiting.length > 0) start(priority, lane);
    },

    backlog() {
      return Object.fromEntries([...lanes].map(([priority, { held }]) => [priority, held.size])) as Record<
        Priority,
        number
      >;
    },

    lost: () => 0,
    fault: () => null,

    async close() {
      closed = true;
      await Promise.all([...lanes.values()].map(({ idle }) => idle));
    },
  };
}
