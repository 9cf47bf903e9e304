/** A Kafka broker that one test file has for itself, to kill and to log in to. From TEST_KAFKA_CLASSPATH, on Java. */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

export interface OwnBroker extends AsyncDisposable {
  /** Without a login. */
  url: string;
  /** With a login by PLAIN or SCRAM-SHA-256, as `ana` with the password `secret`. */
  loginUrl: string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** On the same ports and data; resolves when it takes connections. */
  start(): Promise<void>;
}

const module = "org.apache.kafka.common.security";

/** Formats its data; it runs once `start` resolved. */
export async function ownBroker(): Promise<OwnBroker> {
  const classPath = Bun.env.TEST_KAFKA_CLASSPATH;
  if (classPath === undefined) throw new Error("set TEST_KAFKA_CLASSPATH, the jars of Apache Kafka");
  const folder = tempFolder();
  const [plain, login, controller] = freePorts(3);
  const configuration = join(folder.path, "server.properties");
  await Bun.write(
    configuration,
    `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${plain},LOGIN://127.0.0.1:${login},CONTROLLER://127.0.0.1:${controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.login.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required user_ana="secret";
listener.name.login.scram-sha-256.sasl.jaas.config=${module}.scram.ScramLoginModule required;
log.dirs=${join(folder.path, "data")}
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=10485760
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`,
  );
  // The last two make it start in half the time: it does not run long enough for more.
  const flags = [
    "-Xmx512m",
    "-Dorg.apache.logging.log4j.level=ERROR",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
  ];
  const java = (...args: string[]) =>
    Bun.spawn(["java", ...flags, "-cp", classPath, ...args], {
      cwd: folder.path,
      stdout: "ignore",
      stderr: "ignore",
    });
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
  const scram = "SCRAM-SHA-256=[name=ana,password=secret]";
  const format = ["kafka.tools.StorageTool", "format", `--cluster-id=${id}`, "--config", configuration];
  const code = await java(...format, "--add-scram", scram).exited;
  if (code !== 0) throw new Error(`formatting ended with ${code}`);

  let running: { child: Bun.Subprocess; killing: ReturnType<typeof onceGone> } | undefined;
  async function kill(): Promise<void> {
    running?.child.kill("SIGKILL");
    await running?.child.exited;
    running?.killing.cancel();
    running = undefined;
  }
  return {
    url: `127.0.0.1:${plain}`,
    loginUrl: `127.0.0.1:${login}`,
    kill,
    async start() {
      const child = java("kafka.Kafka", configuration);
      running = { child, killing: onceGone("kill", "-KILL", String(child.pid)) };
      await eventually(
        async () => {
          const socket = await Bun.connect({
            hostname: "127.0.0.1",
            port: plain ?? 0,
            socket: { data() {} },
          });
          socket.end();
          return true;
        },
        { timeoutMs: 60_000, intervalMs: 50 },
      );
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Free a moment ago. */
function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
  const ports = listeners.map(({ port }) => port);
  for (const listener of listeners) listener.stop(true);
  return ports;
}
