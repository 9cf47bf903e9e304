import { type Kafka, KafkaJSConnectionError } from "kafkajs";
import RequestQueue from "kafkajs/src/network/requestQueue";
import { kafkaBounds } from "./kafka-bounds.ts";

/**
 * What kafkajs 2.2.4, the last release, does wrong and we can set right from outside. What is worked around where it
 * matters is named there:
 * - kafka-producer.ts: sequence numbers after a failed send (#598), the lock of a broker for each send, a slow
 *   hash of keys, no linger;
 * - kafka-consumer.ts: consumers that end for good or stand still (#1163, #660, #1513), an assigner that deals every
 *   topic to every member;
 * - kafka-batch.ts: no heartbeat while a batch is handled, and its end by any error of ours;
 * - kafka-idle-commits.ts: offsets that stay uncommitted when nothing more comes;
 * - kafka-seats.ts: no static membership (#884);
 * - kafka-turns.ts: answers that are decoded without a pause;
 * - telemetry-kafka.ts: retries that are logged as errors.
 */
export function workAroundKafkaJs(): void {
  stopIdleSpin();
  checkTimeoutsSeldom();
  boundDisconnect();
}

/**
 * tulios/kafkajs#1704 and #1556: after each answer a connection looks for requests that wait, and having looked
 * it schedules the next look at once, for ever: 4 consumers and a producer without work took 4.0 % of a core, and
 * 1.3 % without this. Where nothing waits there is nothing to look for: what comes to wait schedules its look itself.
 */
function stopIdleSpin(): void {
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/**
 * Each connection looks ten times a second for requests that timed out. Once a second is enough for timeouts of
 * ten seconds, and takes 0.2 % of a core less (the rest are the fetches: 1.1 % with a fetch wait of 1 s, 0.7 %
 * with 2 s).
 */
function checkTimeoutsSeldom(): void {
  RequestQueue.prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(() => {
      for (const request of this.inflight.values()) {
        if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    }, timeoutCheckMs);
  };
}
const timeoutCheckMs = 1000;

/**
 * tulios/kafkajs#918: a connection that is closed waits for what is under way, while the timer that would time
 * these requests out is already stopped: with a broker that hangs it waits for ever, and so does `disconnect`.
 */
function boundDisconnect(): void {
  const wait = RequestQueue.prototype.waitForPendingRequests;
  RequestQueue.prototype.waitForPendingRequests = async function (this: RequestQueue): Promise<void> {
    const timer = setTimeout(
      () => this.rejectAll(new KafkaJSConnectionError("closed before it was answered")),
      kafkaBounds.disconnectMs,
    );
    try {
      await wait.call(this);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** What of kafkajs's connections to all brokers is not among its types. */
export interface Cluster {
  connect(): Promise<void>;
  findGroupCoordinator(group: { groupId: string }): Promise<{
    leaveGroup(member: { groupId: string; memberId: string }): Promise<void>;
  }>;
  disconnect(): Promise<void>;
}

/**
 * Connections of their own, not made yet. A member that is not there any more can be taken out of its group by the protocol
 * (KIP-345), but by none of kafkajs's clients: each keeps its connections to itself, and a client makes them by a method whose
 * name is a symbol.
 */
export function clusterOf(kafka: Kafka): Cluster {
  const make = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  // The types know nothing of the symbol.
  const makers = kafka as unknown as Record<symbol, (options: object) => Cluster>;
  const cluster = make && makers[make]?.({});
  if (cluster === undefined) throw new Error("this kafkajs makes no cluster");
  return cluster;
}

/**
 * tulios/kafkajs splits the address of a first broker at its first colon, which leaves "[" of "[::1]:9092". The
 * colons of an IPv6 address are therefore written in another way until the socket is made.
 */
export const hideColons = (broker: string): string =>
  broker.replace(/^\[([^\]]+)\]/, (_, host: string) => host.replaceAll(":", "~"));
export const showColons = (host: string): string => host.replaceAll("~", ":");
