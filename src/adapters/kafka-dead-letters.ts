import type { Kafka, KafkaMessage, Message, Producer } from "kafkajs";
import type { PoisonReason } from "../telemetry-kafka.ts";
import type { KafkaSettings } from "./kafka-client.ts";
import { compressionTypes } from "./kafka-codecs.ts";
import { isTooLarge } from "./kafka-refusals.ts";
import { deadLetterTopic } from "./kafka-topics.ts";

/** A message that nothing can be done with, and where it stood. */
export interface DeadLetter {
  topic: string;
  partition: number;
  message: KafkaMessage;
  reason: PoisonReason;
  detail: string;
}

export type DeadLetters = ReturnType<typeof createDeadLetters>;

/** Of a message that is too large for the topic, this much is kept: the rest stands where it came from. */
const keptBytes = 4096;
const detailMaxChars = 500;

/**
 * Puts aside what nothing can be done with, as it was, with headers that say why and where it came from. With them it
 * may be larger than the topic takes: then its first bytes are kept, and a header says how many there were.
 */
export function createDeadLetters(kafka: Kafka, settings: KafkaSettings) {
  /** Being connected or connected. */
  let producer: Promise<Producer> | undefined;

  async function connect(): Promise<Producer> {
    const fresh = kafka.producer({ allowAutoTopicCreation: false });
    try {
      await fresh.connect();
      return fresh;
    } catch (error) {
      producer = undefined;
      void fresh.disconnect().catch(() => {});
      throw error;
    }
  }

  async function send(connected: Producer, letters: DeadLetter[], write: typeof whole): Promise<void> {
    try {
      await connected.send({
        topic: deadLetterTopic(settings.kafkaTopicPrefix),
        acks: -1,
        compression: compressionTypes[settings.kafkaCompression],
        messages: letters.map(write),
      });
    } catch (error) {
      if (!isTooLarge(error) || write === beginning) throw error;
      // The topic's bound is on what is sent at once: together they may be beyond it though each is not.
      const half = Math.ceil(letters.length / 2);
      if (letters.length === 1) return send(connected, letters, beginning);
      await send(connected, letters.slice(0, half), write);
      await send(connected, letters.slice(half), write);
    }
  }

  return {
    /** Resolves once the brokers have them; throws where they cannot be written. Repeating it writes them again. */
    async put(letters: DeadLetter[]): Promise<void> {
      producer ??= connect();
      await send(await producer, letters, whole);
    },

    async close(): Promise<void> {
      await producer?.then((connected) => connected.disconnect()).catch(() => {});
    },
  };
}

function whole(letter: DeadLetter): Message {
  const { key, value, headers } = letter.message;
  return { key, value, headers: { ...headers, ...whyAndWhence(letter) } };
}

/** Its key and its own headers may be what is too large. */
function beginning(letter: DeadLetter): Message {
  const { value } = letter.message;
  return {
    value: value?.subarray(0, keptBytes) ?? null,
    headers: { ...whyAndWhence(letter), "original-bytes": String(value?.length ?? 0) },
  };
}

const whyAndWhence = ({ topic, partition, message, reason, detail }: DeadLetter) => ({
  reason,
  detail: detail.slice(0, detailMaxChars),
  "original-topic": topic,
  "original-partition": String(partition),
  "original-offset": message.offset,
});
