import type { Consumer, ConsumerCrashEvent, EachBatchHandler, EachBatchPayload, Kafka } from "kafkajs";
import type { BatchParts, Membership } from "./kafka-batch.ts";
import { handlePartition } from "./kafka-batch.ts";
import type { KafkaSettings } from "./kafka-client.ts";
import type { Faults } from "./kafka-faults.ts";
import { createIdleCommits } from "./kafka-idle-commits.ts";
import { refusalOf } from "./kafka-refusals.ts";
import { unseat } from "./kafka-seats.ts";
import { laneGroup, laneTopic } from "./kafka-topics.ts";
import { fetchBytesOf } from "./kafka-turns.ts";
import { aborted, backoffMs, pause, settledWithin } from "./kafka-waits.ts";

interface LaneConsumerParts extends Omit<BatchParts, "membership"> {
  kafka: Kafka;
  seat: string | null;
  settings: KafkaSettings;
  faults: Faults;
  /** Resolves once the topics are there. */
  ready: Promise<void>;
  /** Makes those that are gone: somebody deleted them, or the cluster is another one. What they held is in the database. */
  makeTopics(): Promise<void>;
}

export type LaneConsumer = ReturnType<typeof createLaneConsumer>;

/**
 * Consumes a lane, with a consumer and a group of its own. In one consumer for all lanes, the next fetch would wait
 * until the batches of every lane are handled; and members of one group that want different topics would be dealt
 * topics that they did not ask for: kafkajs's assigner deals every topic to every member.
 *
 * kafkajs ends a consumer for good on an error that it does not take for a passing one (tulios/kafkajs#1513), and now
 * and then one stands still without a word after its connection was lost (#1163, #660). So nothing is left to its own
 * restart: whichever way a consumer ends, another one is made, after a wait that grows.
 */
export function createLaneConsumer(parts: LaneConsumerParts) {
  const { kafka, lane, seat, settings, bounds, telemetry, faults, ready, lags, makeTopics } = parts;
  const topic = laneTopic(settings.kafkaTopicPrefix, lane);
  const group = laneGroup(settings.kafkaTopicPrefix, lane);
  const part = `consumer of ${lane}`;
  const closing = new AbortController();
  const closed = aborted(closing.signal);

  const create = () =>
    kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      sessionTimeout: bounds.sessionMs,
      heartbeatInterval: bounds.heartbeatMs,
      rebalanceTimeout: bounds.rebalanceMs,
      maxBytesPerPartition: fetchBytesOf(lane, settings.kafkaFetchBytes),
      minBytes: 1,
      maxWaitTimeInMs: settings.kafkaFetchWaitMs,
      retry: { retries: bounds.retries, restartOnFailure: async () => false },
    });

  /** Runs one consumer until it ends, stands still or is closed. @throws why it ended, unless it was closed */
  async function runOne(onFirstJoin: () => void): Promise<void> {
    const consumer = create();
    const life = watch(consumer, onFirstJoin);
    try {
      await Promise.race([begin(consumer, life.eachBatch), life.ended]);
      await Promise.race([life.ended, closed]);
    } finally {
      await life.end();
    }
  }

  async function begin(consumer: Consumer, eachBatch: EachBatchHandler): Promise<void> {
    await consumer.connect();
    if (seat !== null) await unseat({ kafka, telemetry }, seat, group);
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false, // Would commit after every batch; the two bounds below count nevertheless.
      autoCommitInterval: settings.kafkaCommitIntervalMs,
      autoCommitThreshold: settings.kafkaCommitThreshold,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: settings.kafkaPartitionsConcurrent,
      eachBatch,
    });
  }

  /** Sees to one consumer: its membership, its commits, whether it lives. */
  function watch(consumer: Consumer, onFirstJoin: () => void) {
    const { promise: ended, reject } = Promise.withResolvers<never>();
    ended.catch(() => {}); // Nobody listens any more where it ends after it was given up.
    const commits = createIdleCommits(consumer, topic, bounds);
    const underWay = new Set<Promise<void>>();
    const over = new AbortController();
    let membership = join();
    let joins = 0;
    let lastSignMs = performance.now();

    function join(): Membership {
      const expelled = new AbortController();
      return { expelled, stop: AbortSignal.any([expelled.signal, over.signal, closing.signal]) };
    }

    const alive = () => {
      lastSignMs = performance.now();
    };
    const { GROUP_JOIN, FETCH_START, FETCH, HEARTBEAT, CRASH, COMMIT_OFFSETS } = consumer.events;
    for (const sign of [FETCH_START, FETCH, HEARTBEAT] as const) consumer.on(sign, alive);
    consumer.on(GROUP_JOIN, ({ payload }) => {
      alive();
      membership = join();
      commits.forget();
      const partitions = payload.memberAssignment[topic] ?? [];
      lags.assigned(partitions);
      telemetry.rebalanced(lane, partitions.length);
      faults.end(part);
      joins += 1;
      if (joins === 1) onFirstJoin();
    });
    consumer.on(COMMIT_OFFSETS, ({ payload }) => commits.committed(payload.topics));
    consumer.on(CRASH, ({ payload }: ConsumerCrashEvent) => reject(payload.error));
    const stallCheck = setInterval(() => {
      if (underWay.size === 0 && performance.now() > lastSignMs + bounds.stallMs) {
        reject(new Error(`no sign of life for ${bounds.stallMs} ms`));
      }
    }, bounds.stallCheckMs);

    return {
      ended,

      async eachBatch(payload: EachBatchPayload): Promise<void> {
        const resolveOffset = (offset: string) => {
          payload.resolveOffset(offset);
          commits.resolved(payload.batch.partition, offset);
        };
        const work = handlePartition({ ...parts, membership }, { ...payload, resolveOffset });
        underWay.add(work);
        try {
          await work;
        } finally {
          underWay.delete(work);
          alive();
        }
      },

      /** Ends the consumer: no batch is handed out by it afterwards, so that another may take over. */
      async end(): Promise<void> {
        clearInterval(stallCheck);
        over.abort();
        await Promise.allSettled(underWay);
        await settledWithin(bounds.disconnectMs, commits.commitNow());
        commits.forget();
        lags.assigned([]);
        const waitMs = settings.kafkaFetchWaitMs + 2 * bounds.disconnectMs;
        if (!(await settledWithin(waitMs, consumer.disconnect()))) telemetry.closedLate(part, waitMs);
      },
    };
  }

  /** Until it is closed. */
  async function run(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; ) {
      await Promise.race([ready, closed]);
      if (closing.signal.aborted) return;
      const startedMs = performance.now();
      const restarted = failures > 0;
      try {
        await runOne(() => {
          if (restarted) telemetry.consumerRestarted(lane);
        });
      } catch (error) {
        if (closing.signal.aborted) return;
        failures = performance.now() - startedMs > bounds.steadyMs ? 1 : failures + 1;
        faults.begin(part, error);
        const waitMs = backoffMs(failures, bounds);
        telemetry.consumerCrashed(lane, error, failures, Math.round(waitMs));
        await pause(waitMs, closing.signal);
        if (refusalOf(error) === "UNKNOWN_TOPIC_OR_PARTITION" && !closing.signal.aborted) await makeTopics();
      }
    }
  }

  const running = run();

  return {
    /** Finishes the batches under way, commits what was handled and leaves the group. */
    async close(): Promise<void> {
      closing.abort();
      await running;
    },
  };
}
