import { hostname } from "node:os";
import type { Kafka } from "kafkajs";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import { type Cluster, clusterOf } from "./kafka-workarounds.ts";

/**
 * The client id of a thread that consumes. No other one that is alive has it: a worker that is started again has its number, and
 * so has a process that is started again in its container.
 */
export const seatOf = (worker: number): string => `carillon-${hostname()}-${process.pid}-${worker}`;
const seatShape = /^carillon-(?<host>.+)-(?<pid>\d+)-\d+$/;

/**
 * Takes out of a group whoever ended without a word: who had this seat before, and the processes of this host that are gone. The
 * brokers would wait for them until their sessions are over, 10 s, and deal nothing to anyone meanwhile. Where two hosts
 * have one name, somebody alive may be taken out: it joins again at once, as after any rebalance.
 *
 * It is Kafka's static membership (KIP-345) as far as it goes with kafkajs, which has none (tulios/kafkajs#884).
 */
export async function unseat(
  { kafka, telemetry }: { kafka: Kafka; telemetry: KafkaTelemetry },
  seat: string,
  groupId: string,
): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { groups } = await admin.describeGroups([groupId]);
    const members = groups.flatMap((group) => group.members).filter(({ clientId }) => isLeft(clientId, seat));
    if (members.length === 0) return;
    await takeOut(clusterOf(kafka), groupId, members);
    telemetry.unseated(groupId, members.length);
  } catch (error) {
    // Their sessions end by themselves.
    telemetry.unseatFailed(groupId, error);
  } finally {
    void admin.disconnect().catch(() => {});
  }
}

async function takeOut(cluster: Cluster, groupId: string, members: { memberId: string }[]): Promise<void> {
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    for (const { memberId } of members) {
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
