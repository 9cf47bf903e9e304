/** A listener of Kafka's that takes logins, by PLAIN and by SCRAM-SHA-256, beside the one that takes anybody. */

export interface Login {
  username: string;
  password: string;
}

const modules = "org.apache.kafka.common.security";

/** As in server.properties, over what a broker without it has. @param port its own */
export function loginProperties(
  { username, password }: Login,
  { broker, controller, port }: { broker: number; controller: number; port: number },
) {
  return {
    listeners: `PLAINTEXT://127.0.0.1:${broker},LOGIN://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
    "listener.name.login.plain.sasl.jaas.config": `${modules}.plain.PlainLoginModule required user_${username}="${password}";`,
    "listener.name.login.scram-sha-256.sasl.jaas.config": `${modules}.scram.ScramLoginModule required;`,
  };
}

/** Words of the command that formats its data: SCRAM's users are part of them. */
export const scramUser = ({ username, password }: Login) => [
  "--add-scram",
  `SCRAM-SHA-256=[name=${username},password=${password}]`,
];
