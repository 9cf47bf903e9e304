import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ISocketFactory, Kafka, type LogEntry, logLevel, type SASLOptions } from "kafkajs";
import type { Config } from "../config.ts";
import type { KafkaTelemetry } from "../telemetry-kafka.ts";
import type { KafkaBounds } from "./kafka-bounds.ts";
import { registerCodecs } from "./kafka-codecs.ts";
import { hideColons, showColons, workAroundKafkaJs } from "./kafka-workarounds.ts";

type OfKafka<C> = { [Name in keyof C as Name extends `kafka${string}` ? Name : never]: C[Name] };

/** The settings of Kafka, of which the brokers are no longer optional. */
export type KafkaSettings = Omit<OfKafka<Config>, "kafkaBrokers"> & { kafkaBrokers: string[] };

registerCodecs();
workAroundKafkaJs();

/** Says who and where; nothing is connected yet. */
export function createKafkaClient(
  settings: KafkaSettings,
  bounds: KafkaBounds,
  telemetry: KafkaTelemetry,
  clientId = "carillon",
): Kafka {
  return new Kafka({
    clientId,
    brokers: settings.kafkaBrokers.map(hideColons),
    ssl: settings.kafkaSsl,
    ...(settings.kafkaSaslMechanism !== null && { sasl: loginOf(settings) }),
    socketFactory,
    connectionTimeout: bounds.connectMs,
    authenticationTimeout: bounds.connectMs,
    requestTimeout: bounds.requestMs,
    retry: {
      retries: bounds.retries,
      initialRetryTime: bounds.retryInitialMs,
      maxRetryTime: bounds.retryMaxMs,
    },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => telemetry.clientSaid(entry.log.message, fieldsOf(entry)),
  });
}

function loginOf({ kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword }: KafkaSettings): SASLOptions {
  const username = kafkaSaslUsername ?? "";
  const password = kafkaSaslPassword ?? "";
  switch (kafkaSaslMechanism) {
    case "scram-sha-256":
    case "scram-sha-512":
      return { mechanism: kafkaSaslMechanism, username, password };
    default:
      return { mechanism: "plain", username, password };
  }
}

const keepAliveMs = 60_000;

const socketFactory: ISocketFactory = ({ host: hidden, port, ssl, onConnect }) => {
  const host = showColons(hidden);
  // A certificate is asked for by name; an address has none.
  const servername = isIP(host) ? {} : { servername: host };
  const socket = ssl
    ? connectTls({ host, port, ...servername, ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setKeepAlive(true, keepAliveMs);
  socket.setNoDelay(true);
  return socket;
};

function fieldsOf({ namespace, log }: LogEntry) {
  const { groupId, broker, error } = log;
  return {
    part: namespace,
    ...(typeof groupId === "string" && { groupId }),
    ...(typeof broker === "string" && { broker }),
    ...(error !== undefined && { error: String(error) }),
  };
}
