import type { KafkaTelemetry } from "../telemetry-kafka.ts";

/** Why Kafka cannot be used, as its parts see it: topics, lag, a lane's producer, a lane's consumer. */
export type Faults = ReturnType<typeof createFaults>;

export function createFaults(telemetry: KafkaTelemetry) {
  const reasons = new Map<string, string>();
  return {
    begin(part: string, error: unknown): void {
      const reason = `${part}: ${error instanceof Error ? error.message : String(error)}`;
      const first = reasons.size === 0;
      reasons.set(part, reason);
      if (first) telemetry.faultBegan(reason);
    },

    end(part: string): void {
      if (reasons.delete(part) && reasons.size === 0) telemetry.faultEnded();
    },

    /** The oldest that lasts. */
    first(): string | null {
      for (const reason of reasons.values()) return reason;
      return null;
    },
  };
}
