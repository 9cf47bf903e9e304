/** `bun run services up|down|status`: the real servers that the tests of this checkout run on. */

import { serverNames } from "./recipe.ts";
import { isLacking, reasonOf, type Services, servicesDown, servicesStatus, servicesUp } from "./services.ts";

const usage = `usage: bun run services up | down [name…] | status
  up      start what does not run yet: PostgreSQL, Redis, Apache Kafka and a server of MongoDB's protocol
  down    stop them (or those that are named) and remove their data
  status  what runs, where, as which process`;

const commands: Record<string, (names: string[]) => Promise<void>> = { up, down, status };

async function up(): Promise<void> {
  const startedMs = performance.now();
  const services = await servicesUp();
  for (const line of table(services)) console.log(line);

  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const lacking = Object.values(services).filter(isLacking);
  console.log(
    `\n${lacking.length > 0 ? `up without ${lacking.length}` : "all up"} after ${seconds} s; tests use them by`,
  );
  console.log("  bun run test, or bun --env-file=.services/env test <files>");
  const broken = lacking.some((service) => "broken" in service);
  if (broken || (lacking.length > 0 && process.env.CI)) process.exitCode = 1;
}

function table(services: Services): string[] {
  const found: string[][] = [];
  const lacking: string[] = [];
  for (const [name, service] of Object.entries(services)) {
    if (isLacking(service)) lacking.push(`${name} ${reasonOf(service)}`);
    else if ("path" in service) found.push([name, service.path]);
    else found.push([name, service.url, service.version, service.started ? "started" : "ran already"]);
  }
  const widthOf = (column: number) => Math.max(...found.map((cells) => cells[column]?.length ?? 0));
  const line = (cells: string[]) => cells.map((cell, column) => cell.padEnd(widthOf(column))).join("  ");
  return [...found.map((cells) => line(cells).trimEnd()), ...lacking];
}

async function down(names: string[]): Promise<void> {
  const unknown = names.filter((name) => !serverNames.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`no service is named ${unknown.join(", ")}`);
  await servicesDown(serverNames.filter((name) => names.length === 0 || names.includes(name)));
}

async function status(): Promise<void> {
  for (const line of await servicesStatus()) console.log(line);
}

const command = commands[process.argv[2] ?? ""];
if (command) {
  await command(process.argv.slice(3));
} else {
  console.error(usage);
  process.exitCode = 2;
}
