import { KafkaJSProtocolError } from "kafkajs";

/** What a broker answered instead of doing it, by Kafka's name for it; null for any other error. kafkajs wraps what it tried several times. */
export function refusalOf(error: unknown): string | null {
  if (error instanceof KafkaJSProtocolError) return error.type;
  return error instanceof Error ? refusalOf(error.cause) : null;
}

export const isTooLarge = (error: unknown): boolean =>
  ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"].includes(refusalOf(error) ?? "");
