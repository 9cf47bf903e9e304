import type { App } from "./app.ts";
import type { Config } from "./config.ts";
import { externalChannels } from "./parts.ts";
import { addressIn } from "./server-address.ts";
import { workerCount } from "./worker-share.ts";

interface Greeting {
  app: App;
  url: string;
  readyMs: number;
  key: string | null;
}

/** What a start says on stdout. */
export function greeting({ app, url, readyMs, key }: Greeting): string {
  const { config, dev, providers } = app;
  const shownKey = key ?? (config.adminKey === null ? "<your key>" : "$ADMIN_KEY");
  const lines = [
    `Carillon is listening on ${url} (ready in ${readyMs} ms)`,
    ...placesOf(config).map(([name, place]) => `  ${name.padEnd(10)} ${place}`),
    `  docs       ${url}/docs`,
    ...(dev ? [`  sandbox    ${url}/sandbox`] : []),
  ];
  for (const channel of externalChannels) {
    const provider = providers[channel];
    if (provider === undefined) lines.push(`  ${channel.padEnd(10)} no provider: skipped${hintFor(channel)}`);
    else if (provider.name === "sandbox")
      lines.push(`  ${channel.padEnd(10)} sandbox: kept, not sent${hintFor(channel)}`);
    else lines.push(`  ${channel.padEnd(10)} ${provider.name}`);
  }
  if (key !== null) lines.push("", `  admin key  ${key}`, "  It is shown this once. Keep it.");
  lines.push(
    "",
    "Send a first notification:",
    "",
    `  curl -s ${url}/v1/notifications -H "Authorization: Bearer ${shownKey}" -H "Content-Type: application/json" \\`,
    `    -d '{"to": {"user_id": "ana", "email": "ana@example.com"}, "title": "Hello", "body": "It works."}'`,
    "",
  );
  return lines.join("\n");
}

/** What it runs on, part by part. */
function placesOf(config: Config): [name: string, place: string][] {
  const { dataDir, databaseUrl, redisUrl, kafkaBrokers, mongodbUrl } = config;
  const count = workerCount(config);
  const workers = count === 1 ? "1 worker" : `${count || "no"} workers`;
  return [
    ["data", databaseUrl === null ? dataDir : `PostgreSQL at ${addressIn(databaseUrl)}`],
    ["cache", redisUrl === null ? "memory" : `Redis at ${addressIn(redisUrl)}`],
    ["event log", kafkaBrokers === null ? "memory" : `Kafka at ${kafkaBrokers.join(", ")}, ${workers}`],
    ...(mongodbUrl === null ? [] : [["archive", `MongoDB at ${addressIn(mongodbUrl)}`] as [string, string]]),
  ];
}

const settingOf: Record<string, string> = { email: "SMTP_URL", webhook: "WEBHOOK_SECRET" };
const hintFor = (channel: string) => (settingOf[channel] ? ` (set ${settingOf[channel]})` : "");
