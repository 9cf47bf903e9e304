import { cpus, loadavg } from "node:os";
import { Redis } from "ioredis";
import packageFile from "../../package.json";
import { onServer } from "../databases.ts";
import { environmentOf, isLacking, reasonOf, servicesUp } from "../services/services.ts";

/** The real servers that the benchmark runs on, and what is known of the machine that it runs on as well. */

export interface Servers {
  databaseUrl: string;
  redisUrl: string;
  kafkaBrokers: string;
}

const names = {
  databaseUrl: "TEST_DATABASE_URL",
  redisUrl: "TEST_REDIS_URL",
  kafkaBrokers: "TEST_KAFKA_BROKERS",
} as const;

/** Those that the environment names; where it names none, they are brought up. */
export async function openServers(): Promise<Servers> {
  if (!Object.values(names).every((name) => process.env[name])) {
    const services = await servicesUp();
    for (const [name, service] of Object.entries(services)) {
      if (isLacking(service)) console.error(`${name} ${reasonOf(service)}`);
    }
    Object.assign(process.env, environmentOf(services));
  }
  const urlOf = (name: string) => {
    const url = process.env[name];
    if (!url) throw new Error(`${name} is not set, and its server could not be brought up`);
    return url;
  };
  return {
    databaseUrl: urlOf(names.databaseUrl),
    redisUrl: urlOf(names.redisUrl),
    kafkaBrokers: urlOf(names.kafkaBrokers),
  };
}

/** What ran beside it: the figures hold for no other machine, their ratios might. */
export async function machine(servers: Servers | undefined): Promise<string> {
  const [model] = cpus();
  const load = loadavg().map((average) => average.toFixed(1));
  return [
    `${cpus().length} cores (${model?.model.trim()}) for everything: service, load generator, sink and servers; load average ${load.join(", ")}`,
    [`Bun ${Bun.version}`, ...(servers ? await versionsOf(servers) : [])].join(", "),
  ].join("\n");
}

const versionsOf = ({ databaseUrl, redisUrl, kafkaBrokers }: Servers) =>
  Promise.all([postgresWords(databaseUrl), redisWords(redisUrl), kafkaWords(kafkaBrokers)]);

function postgresWords(url: string): Promise<string> {
  return onServer(url, async (sql) => {
    const [found] = await sql<{ version: string; buffers: string; commit: string; fsync: string }[]>`
      select current_setting('server_version') as version, current_setting('shared_buffers') as buffers,
        current_setting('synchronous_commit') as commit, current_setting('fsync') as fsync`;
    return `PostgreSQL ${found?.version} (shared_buffers ${found?.buffers}, synchronous_commit ${found?.commit}, fsync ${found?.fsync})`;
  });
}

async function redisWords(url: string): Promise<string> {
  const redis = new Redis(url);
  const [, version] = /redis_version:(\S+)/.exec(await redis.info("server")) ?? [];
  const [, appendOnly] = /aof_enabled:(\d)/.exec(await redis.info("persistence")) ?? [];
  redis.disconnect();
  return `Redis ${version} (appendonly ${appendOnly === "1" ? "yes" : "no"})`;
}

/** A broker does not tell its release by its protocol: the level of its features has to do. */
async function kafkaWords(brokers: string): Promise<string> {
  return `Kafka (${brokers.split(",").length} broker), kafkajs ${packageFile.dependencies.kafkajs}`;
}
