/** Kafka that is gone for a while, that deals its partitions anew, that carries what is no event. */
import { Kafka, logLevel } from "kafkajs";
import { workAroundKafkaJs } from "../../src/adapters/kafka-workarounds.ts";
import { priorities } from "../../src/channels/channel.ts";
import { eventually } from "../eventually.ts";
import type { Fault } from "./fault.ts";
import type { Seat } from "./seats.ts";
import { serverOf } from "./stack.ts";

workAroundKafkaJs();

/** A consumer's session is 10 s, its longest wait before another start 5 s. */
const rejoinMaxMs = 25_000;
const putAsideMaxMs = 15_000;
const prefix = "carillon";

/** What the publisher of a lane holds back at most (kafkaBounds.bufferBytes). */
const laneBufferMb = 16;

const gone: Fault = {
  name: "Kafka killed for a while and restarted",
  // The texts that are buffered, and as much again of what they were made from: 265 MB grew to 484 in a minute without
  // Kafka, and were 272 by the end of the next fault.
  buffersMaxMb: 2 * priorities.length * laneBufferMb,
  stacks: ["all"],
  shortOn: ["all"],
  recoverMaxMs: rejoinMaxMs,
  answerMaxMs: 5000,
  async inject({ stack, form }) {
    const kafka = serverOf(stack, "kafka");
    await kafka.kill();
    await Bun.sleep(form.kafkaDownMs);
    await kafka.restart();
    return { interrupted: 0 };
  },
};

const rebalances: Fault = {
  name: "a second process joins and leaves again and again",
  stacks: ["all"],
  shortOn: ["all"],
  recoverMaxMs: rejoinMaxMs,
  answerMaxMs: 5000,
  async inject({ addSeat, form }) {
    const violations: string[] = [];
    const second = addSeat();
    for (let round = 0; round < form.rebalances; round++) {
      await second.start();
      // One that left before it was dealt partitions would have disturbed nobody; that took up to 1.7 s of its stay.
      await eventually(() => consumes(second), { timeoutMs: rejoinMaxMs, intervalMs: 100 });
      await Bun.sleep(form.rebalanceMs);
      const { code, exitMs } = await second.stop();
      if (code !== 0) violations.push(`the second process ended with ${code}`);
      if (exitMs > 10_000) violations.push(`the second process took ${Math.round(exitMs)} ms to end`);
    }
    return { interrupted: 0, violations };
  },
};

/** Whether partitions were dealt to the process that sits there. */
async function consumes({ service }: Seat): Promise<boolean> {
  const answer = await fetch(`${service?.url}/metrics`);
  return /^carillon_kafka_partitions_assigned\{.*\} [1-9]/m.test(await answer.text());
}

const poisons = ["", "no JSON", '{"v": 1}', '{"v": 999}', "null"];

const poison: Fault = {
  name: "messages on each lane that are no events",
  stacks: ["all"],
  shortOn: ["all"],
  recoverMaxMs: 10_000,
  answerMaxMs: 5000,
  async inject({ stack }) {
    const kafka = new Kafka({ brokers: [serverOf(stack, "kafka").url], logLevel: logLevel.NOTHING });
    const [admin, producer] = [kafka.admin(), kafka.producer()];
    await Promise.all([admin.connect(), producer.connect()]);
    const putAside = async () =>
      (await admin.fetchTopicOffsets(`${prefix}.dead-letters`)).reduce(
        (sum, { high }) => sum + Number(high),
        0,
      );
    const before = await putAside();
    for (const lane of priorities) {
      const messages = poisons.map((value) => ({ key: "poison", value }));
      await producer.send({ topic: `${prefix}.${lane}`, messages });
    }
    const wanted = before + priorities.length * poisons.length;
    const violations: string[] = [];
    await eventually(async () => (await putAside()) >= wanted, {
      timeoutMs: putAsideMaxMs,
      intervalMs: 100,
    }).catch(({ message }) => violations.push(`not every poison was put aside: ${message}`));
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    return { interrupted: 0, violations };
  },
};

export const kafkaFaults = [gone, rebalances, poison];
