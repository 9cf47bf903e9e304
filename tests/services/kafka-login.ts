/** A listener of Kafka's that takes logins, by PLAIN and by SCRAM, beside the one that takes anybody. */

export interface Login {
  username: string;
  password: string;
  /** Where it is spoken to by TLS: under the name that the certificate holds for, all in PEM. */
  tls?: { host: string; cert: string; key: string };
}

const modules = "org.apache.kafka.common.security";
const scrams = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/** As in server.properties, over what a broker without it has. @param port its own */
export function loginProperties(
  { username, password, tls }: Login,
  { broker, controller, port }: { broker: number; controller: number; port: number },
) {
  const host = tls?.host ?? "127.0.0.1";
  const protocol = tls ? "SASL_SSL" : "SASL_PLAINTEXT";
  const ofLogin = "listener.name.login";
  return {
    listeners: `PLAINTEXT://127.0.0.1:${broker},LOGIN://${host}:${port},CONTROLLER://127.0.0.1:${controller}`,
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,LOGIN:${protocol},CONTROLLER:PLAINTEXT`,
    "sasl.enabled.mechanisms": ["PLAIN", ...scrams].join(","),
    [`${ofLogin}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required user_${username}="${password}";`,
    ...Object.fromEntries(
      scrams.map((scram) => [
        `${ofLogin}.${scram.toLowerCase()}.sasl.jaas.config`,
        `${modules}.scram.ScramLoginModule required;`,
      ]),
    ),
    ...(tls && {
      [`${ofLogin}.ssl.keystore.type`]: "PEM",
      [`${ofLogin}.ssl.keystore.certificate.chain`]: oneLine(tls.cert),
      [`${ofLogin}.ssl.keystore.key`]: oneLine(tls.key),
    }),
  };
}

const oneLine = (pem: string) => pem.trim().replaceAll("\n", "\\n");

/** Words of the command that formats its data: SCRAM's users are part of them. */
export const scramUser = ({ username, password }: Login) =>
  scrams.flatMap((scram) => ["--add-scram", `${scram}=[name=${username},password=${password}]`]);
