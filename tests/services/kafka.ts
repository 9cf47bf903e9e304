/** Apache Kafka from Maven: one process, broker and controller (KRaft), without Kafka's own scripts. */
import { join } from "node:path";
import { classPath } from "./download.ts";
import { type Login, loginProperties, scramUser } from "./kafka-login.ts";
import type { Recipe } from "./recipe.ts";
import { runCommand } from "./run-command.ts";

const heapMb = 768;
/** Its own default logs errors alone; warnings tell why a start is slow. */
const logging = "-Dorg.apache.logging.log4j.level=WARN";

type Properties = Record<string, string | number>;

/** A cluster that a further broker joins. */
interface Cluster {
  id: string;
  controllerPort: number;
  /** The broker's number in it; the first one's is 1. */
  nodeId: number;
}

interface KafkaOptions {
  /** Who may log in at its third port; without, it has none. */
  login?: Login | undefined;
  /** Without, it is the first of a cluster of its own, and its controller. */
  joins?: Cluster;
}

/**
 * @param properties as in its server.properties; they win over ours
 * @throws Missing
 */
export async function kafka(
  properties: Properties = {},
  { login, joins }: KafkaOptions = {},
): Promise<Recipe> {
  const classes = await classPath("kafka", join(import.meta.dir, "kafka"));
  const [, version] = /kafka_2\.13<\/artifactId>\s*<version>(.*)</.exec(await pom()) ?? [];
  return {
    name: "kafka",
    version: `Apache Kafka ${version}`,
    portCount: joins ? 1 : login ? 3 : 2,
    async format({ folder, ports }) {
      const configuration = join(folder, "server.properties");
      const own = { ...propertiesOf(folder, ports, login), ...(joins && joinedProperties(joins, ports)) };
      await Bun.write(configuration, textOf({ ...own, ...properties }));
      // With "=", since an id may start with a dash.
      const cluster = `--cluster-id=${joins?.id ?? newClusterId()}`;
      const format = ["kafka.tools.StorageTool", "format", cluster, "--config", configuration];
      if (login) format.push(...scramUser(login));
      const outcome = await runCommand(["java", "-cp", classes, ...format], { cwd: folder });
      if (!outcome.ok) throw new Error(outcome.why);
    },
    command: ({ folder }) => [
      ...["java", `-Xms${heapMb}m`, `-Xmx${heapMb}m`, logging, "-cp", classes],
      ...["kafka.Kafka", join(folder, "server.properties")],
    ],
    signals: { stop: "SIGTERM", discard: "SIGKILL" },
  };
}

/** @param first the folder and the ports of a cluster's first broker */
export async function clusterOf(first: {
  folder: string;
  ports: readonly number[];
}): Promise<Omit<Cluster, "nodeId">> {
  const [, controllerPort] = first.ports;
  const [, id] =
    /^cluster\.id=(.+)$/m.exec(await Bun.file(join(first.folder, "data/meta.properties")).text()) ?? [];
  if (id === undefined || controllerPort === undefined)
    throw new Error("this is no first broker of a cluster");
  return { id, controllerPort };
}

const newClusterId = () =>
  crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });

function pom(): Promise<string> {
  return Bun.file(join(import.meta.dir, "kafka/pom.xml")).text();
}

function propertiesOf(
  folder: string,
  [broker = 0, controller = 0, port = 0]: number[],
  login: Login | undefined,
): Properties {
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(folder, "data"),
    "auto.create.topics.enable": "false",
    // What a cluster would keep on three brokers, and what it would wait for them.
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    ...(login && loginProperties(login, { broker, controller, port })),
  };
}

const joinedProperties = ({ controllerPort, nodeId }: Cluster, [broker = 0]: number[]): Properties => ({
  "process.roles": "broker",
  "node.id": nodeId,
  "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
  listeners: `PLAINTEXT://127.0.0.1:${broker}`,
});

function textOf(properties: Properties): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
