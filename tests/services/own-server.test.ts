/** The servers that fault tests have for themselves: real ones, that keep what such a server keeps, and end. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RedisClient, SQL } from "bun";
import { Kafka, logLevel } from "kafkajs";
import { eventually, within } from "../eventually.ts";
import { type OwnServer, startKafka, startPostgres, startRedis } from "./own-server.ts";
import { identityOf } from "./process-tree.ts";

const silenceMs = 300;
/** Two cores may be busy with much else; a start takes 0.5 s, or Kafka's 4 s, where they are not. */
const timeoutMs = 60_000;

test(
  "PostgreSQL keeps what it committed when all its processes are killed, and ends with its disposal",
  async () => {
    let pid: number;
    {
      await using server = await startPostgres();
      await query(server, "create table kept as select 7 as id");
      const address = server.url;

      await server.kill();
      await expect(query(server, "select 1")).rejects.toThrow();

      await server.restart();
      expect(server.url).toBe(address);
      expect(await query(server, "select id from kept")).toEqual([{ id: 7 }]);
      pid = server.pid;
    }
    expect(identityOf(pid)).toBeNull();
  },
  timeoutMs,
);

test(
  "a paused PostgreSQL is silent on open connections too, and then goes on",
  async () => {
    await using server = await startPostgres();
    await using sql = new SQL({ url: server.url, max: 1 });
    await sql`select 1`;

    server.pause();
    const answer = Promise.resolve(sql`select 2 as n`);
    expect(await within(silenceMs, answer, () => "silent").catch(({ message }) => message)).toBe("silent");

    server.resume();
    expect(await answer).toEqual([{ n: 2 }]);
  },
  timeoutMs,
);

test.each([
  { settings: [], kept: null, why: "forgets all in a restart, since it is a cache" },
  { settings: ["--appendonly", "yes"], kept: "7", why: "keeps what it wrote, when told to" },
])(
  "Redis with the settings $settings $why",
  async ({ settings, kept }) => {
    let pid: number;
    {
      await using server = await startRedis(settings);
      await redis(server, (client) => client.set("kept", "7"));

      await server.restart();
      expect(await redis(server, (client) => client.get("kept"))).toBe(kept);

      server.pause();
      const answer = redis(server, (client) => client.ping());
      expect(await within(silenceMs, answer, () => "silent").catch(({ message }) => message)).toBe("silent");
      server.resume();
      expect(await answer).toBe("PONG");
      pid = server.pid;
    }
    expect(identityOf(pid)).toBeNull();
  },
  timeoutMs,
);

test(
  "Kafka keeps what it acknowledged when it is killed, and ends with its disposal",
  async () => {
    let pid: number;
    {
      await using server = await startKafka();
      await publish(server, "kept");

      await server.kill();
      await server.restart();
      expect(await firstMessage(server)).toBe("kept");
      pid = server.pid;
    }
    expect(identityOf(pid)).toBeNull();
  },
  timeoutMs,
);

test(
  "no server outlives a test process that is killed, nor do its data",
  async () => {
    const script = `
    const { startPostgres, startRedis } = await import(${JSON.stringify(join(import.meta.dir, "own-server.ts"))});
    const servers = await Promise.all([startPostgres(), startRedis()]);
    console.log(JSON.stringify(servers.map(({ pid, folder }) => ({ pid, folder }))));
    await new Promise(() => setInterval(() => {}, 1_000));`;
    await using tester = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe" });
    const { value = new Uint8Array() } = await tester.stdout.getReader().read();
    const servers: { pid: number; folder: string }[] = JSON.parse(new TextDecoder().decode(value));
    for (const { pid, folder } of servers) expect([identityOf(pid), existsSync(folder)]).not.toContain(null);

    tester.kill("SIGKILL");
    await eventually(() => servers.every(({ pid, folder }) => !identityOf(pid) && !existsSync(folder)));
  },
  timeoutMs,
);

async function query(server: OwnServer, statement: string): Promise<unknown> {
  await using sql = new SQL({ url: server.url, max: 1 });
  return [...(await sql.unsafe(statement))];
}

async function redis<T>(server: OwnServer, command: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = new RedisClient(server.url);
  return command(client).finally(() => client.close());
}

function kafkaClient({ url }: OwnServer): Kafka {
  return new Kafka({ brokers: [url], logLevel: logLevel.NOTHING });
}

async function publish(server: OwnServer, value: string): Promise<void> {
  const [admin, producer] = [kafkaClient(server).admin(), kafkaClient(server).producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: "kept", numPartitions: 1 }] });
  await producer.send({ topic: "kept", acks: -1, messages: [{ value }] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

async function firstMessage(server: OwnServer): Promise<string> {
  const consumer = kafkaClient(server).consumer({ groupId: "test" });
  const { promise, resolve } = Promise.withResolvers<string>();
  await consumer.connect();
  await consumer.subscribe({ topic: "kept", fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) });
  return promise.finally(() => consumer.disconnect());
}
