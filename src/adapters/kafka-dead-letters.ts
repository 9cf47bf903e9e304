import type { Kafka, KafkaMessage, Producer } from "kafkajs";
import type { PoisonReason } from "../telemetry-kafka.ts";
import type { KafkaSettings } from "./kafka-client.ts";
import { compressionTypes } from "./kafka-codecs.ts";
import { deadLetterTopic } from "./kafka-topics.ts";

/** A message that could not be read, and where it stood. */
export interface DeadLetter {
  topic: string;
  partition: number;
  message: KafkaMessage;
  reason: PoisonReason;
  detail: string;
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** Puts aside what cannot be read, as it was, with headers that say why and where it came from. */
export function createDeadLetters(kafka: Kafka, settings: KafkaSettings) {
  let producer: Producer | undefined;

  async function connect(): Promise<Producer> {
    if (producer === undefined) {
      const fresh = kafka.producer({ allowAutoTopicCreation: false });
      await fresh.connect();
      producer = fresh;
    }
    return producer;
  }

  return {
    /** Resolves once the brokers have them; throws where they cannot be written. Repeating it writes them again. */
    async put(letters: DeadLetter[]): Promise<void> {
      const connected = await connect();
      await connected.send({
        topic: deadLetterTopic(settings.kafkaTopicPrefix),
        acks: -1,
        compression: compressionTypes[settings.kafkaCompression],
        messages: letters.map(({ topic, partition, message, reason, detail }) => ({
          key: message.key,
          value: message.value,
          headers: {
            ...message.headers,
            reason,
            detail,
            "original-topic": topic,
            "original-partition": String(partition),
            "original-offset": message.offset,
          },
        })),
      });
    },

    async close(): Promise<void> {
      await producer?.disconnect().catch(() => {});
    },
  };
}
