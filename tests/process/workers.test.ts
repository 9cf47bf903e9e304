/** A process with workers is, to those outside, one process. */
import { expect, test } from "bun:test";
import { AssignerProtocol, Kafka, logLevel } from "kafkajs";
import { laneGroup } from "../../src/adapters/kafka-topics.ts";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { openStack } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";
import { startReceivers } from "./receivers.ts";

const connections = 5;
const count = 40;
/** A start with workers takes 3 s, several times that where other tests run beside. */
const timeoutMs = 90_000;
const patient = { timeoutMs: 30_000 };

test(
  "its workers together have as many webhooks under way as WEBHOOK_CONNECTIONS says",
  async () => {
    await using folder = tempFolder();
    await using stack = await openStack("PostgreSQL, Redis and Kafka");
    await using receivers = await startReceivers();
    const key = newAdminKey();
    const settings = { WORKERS: "2", WEBHOOK_CONNECTIONS: String(connections), ADMIN_KEY: key };
    const answers: (() => void)[] = [];
    let underWay = 0;
    let underWayMax = 0;
    receivers.http.answer = async () => {
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      await new Promise<void>((resolve) => answers.push(resolve));
      underWay -= 1;
      return new Response("ok");
    };
    await using service = startService({
      cwd: folder.path,
      env: { ...stack.env, ...receivers.env, ...settings },
    });
    await service.ready;
    await eventually(() => bothConsume(stack.env), patient);
    const client = createClient({ url: service.url, key });

    const to = (nth: number) => ({ user_id: `user-${nth}`, webhook_url: receivers.http.url });
    const hello = { title: "Hello", body: "It works.", channels: ["webhook"] };
    await Promise.all(Array.from({ length: count }, (_, nth) => client.send({ ...hello, to: to(nth) })));
    await eventually(() => underWay === connections, patient);
    for (let answered = 0; answered < count; answered += 1) (await eventually(() => answers.shift()))();

    await receivers.http.waitFor(count);
    expect(underWayMax).toBe(connections);
  },
  timeoutMs,
);

/** Whether each of two workers has a partition of the normal lane: until both have joined, one has all of them. */
async function bothConsume({ KAFKA_BROKERS = "", KAFKA_TOPIC_PREFIX = "" }): Promise<boolean> {
  const admin = new Kafka({ brokers: KAFKA_BROKERS.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([laneGroup(KAFKA_TOPIC_PREFIX, "normal")]);
    const assigned = (groups[0]?.members ?? []).filter(({ memberAssignment }) => {
      const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {};
      return Object.values(assignment).some((partitions) => partitions.length > 0);
    });
    return assigned.length === 2;
  } finally {
    await admin.disconnect();
  }
}
