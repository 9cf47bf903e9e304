import { hostname } from "node:os";
import type { Admin, Kafka } from "kafkajs";
import { priorities } from "../channels/channel.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { KafkaSettings } from "./kafka-client.ts";
import { laneGroup } from "./kafka-topics.ts";
import { type Cluster, clusterOf } from "./kafka-workarounds.ts";

interface Needs {
  kafka: Kafka;
  admin: Admin;
  settings: KafkaSettings;
  telemetry: KafkaTelemetry;
}

/**
 * The client id of a thread that consumes. No other one that is alive has it: a worker that is started again has its number, and
 * so has a process that is started again in its container.
 */
export const seatOf = (worker: number): string => `carillon-${hostname()}-${process.pid}-${worker}`;
const seatShape = /^carillon-(?<host>.+)-(?<pid>\d+)-\d+$/;

/**
 * Takes out of the groups whoever ended without a word: who had this seat before, and the processes of this host that are gone. The
 * brokers would wait for them until their sessions are over, 10 s, and deal nothing to anyone meanwhile. Where two hosts
 * have one name, somebody alive may be taken out: it joins again at once, as after any rebalance.
 *
 * It is Kafka's static membership (KIP-345) as far as it goes with kafkajs, which has none (tulios/kafkajs#884).
 */
export async function unseat({ kafka, admin, settings, telemetry }: Needs, seat: string): Promise<void> {
  const groupIds = priorities.map((lane) => laneGroup(settings.kafkaTopicPrefix, lane));
  try {
    const { groups } = await admin.describeGroups(groupIds);
    const left = groups.flatMap(({ groupId, members }) =>
      members.filter(({ clientId }) => isLeft(clientId, seat)).map(({ memberId }) => ({ groupId, memberId })),
    );
    if (left.length === 0) return;
    await takeOut(clusterOf(kafka), left);
    telemetry.unseated(left.length);
  } catch (error) {
    // Their sessions end by themselves.
    telemetry.unseatFailed(error);
  }
}

async function takeOut(cluster: Cluster, members: { groupId: string; memberId: string }[]): Promise<void> {
  try {
    await cluster.connect();
    for (const { groupId, memberId } of members) {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      await coordinator.leaveGroup({ groupId, memberId }).catch((error) => {
        if (error.type !== "UNKNOWN_MEMBER_ID") throw error; // Another one was quicker.
      });
    }
  } finally {
    void cluster.disconnect().catch(() => {});
  }
}

function isLeft(clientId: string, seat: string): boolean {
  if (clientId === seat) return true;
  const theirs = seatShape.exec(clientId)?.groups;
  const ours = seatShape.exec(seat)?.groups;
  if (theirs === undefined || ours === undefined || theirs.host !== ours.host) return false;
  return !isRunning(Number(theirs.pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"; // Another user's may not be asked.
  }
}
