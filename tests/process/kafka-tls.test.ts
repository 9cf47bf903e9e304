/** A Kafka that is spoken to by TLS and asks for a login, as a process meets it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { issueCertificates } from "../channels/certificates.ts";
import { carillon } from "../command-line.ts";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { startKafka } from "../services/own-server.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient } from "./client.ts";

test("events go over TLS once its authority is trusted and the login is right, and not at all before", async () => {
  await using folder = tempFolder();
  const host = "localhost";
  const { ca, issued } = await issueCertificates(host);
  const authority = join(folder.path, "ca.pem");
  await Bun.write(authority, ca);
  const login = { username: "ana", password: "secret", tls: { host, ...issued[host] } };
  const properties = { "offsets.topic.num.partitions": 4, "sasl.enabled.mechanisms": "SCRAM-SHA-512" };
  await using broker = await startKafka(properties, login);
  const key = newAdminKey();
  const env = {
    ADMIN_KEY: key,
    KAFKA_BROKERS: `${host}:${broker.ports[2]}`,
    KAFKA_FETCH_WAIT_MS: "100",
    KAFKA_SSL: "1",
    KAFKA_SASL_MECHANISM: "scram-sha-512",
    KAFKA_SASL_USERNAME: login.username,
    KAFKA_SASL_PASSWORD: login.password,
    NODE_EXTRA_CA_CERTS: authority,
  };
  const doctor = async (more: Record<string, string>) =>
    (await carillon(["doctor"], { cwd: folder.path, env: { ...env, PORT: "0", ...more } })).stdout;
  expect(await doctor({ NODE_EXTRA_CA_CERTS: "" })).toMatch(/^FAIL +event log .*certificate/im);
  expect(await doctor({ KAFKA_SASL_PASSWORD: "guess" })).toMatch(/^FAIL +event log .*authentication/im);
  expect(await doctor({ KAFKA_SSL: "0" })).toMatch(/^FAIL +event log /m);
  expect(await doctor({ KAFKA_REPLICATION: "1" })).toMatch(/^ok +event log .* answers/m);

  await using service = startService({ cwd: folder.path, env });
  await service.ready;
  const client = createClient({ url: service.url, key });
  const id = await client.send({ to: "ana", title: "Hello", body: "It works." });
  await eventually(async () => (await client.notification(id)).status === "sent", { timeoutMs: 20_000 });
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toContain('\ncarillon_kafka_events_consumed_total{lane="normal"} 1\n');
}, 120_000);
