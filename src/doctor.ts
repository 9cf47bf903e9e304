import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { newestVersion } from "../db/migrate.ts";
import { type Config, readConfig, settings } from "./config.ts";
import { type Finding, fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { examineServers } from "./doctor-servers.ts";
import { examineService, type ServiceAddress } from "./doctor-service.ts";
import { inspectData, providersOf } from "./parts.ts";
import { listenFault } from "./serve.ts";
import { nearestName } from "./spelling.ts";

interface Check {
  name: string;
  /** A check whose settings are wrong has nothing to look at. */
  reads: (keyof Config)[];
  look(config: Config): Result | Promise<Result>;
}

/** A new data folder takes 40 MB: with less than the first a start may fail, with less than the second it soon will. */
const freeMinBytes = 100 * 1024 ** 2;
const freeGoodBytes = 1024 ** 3;

/** No clock that is right says a time before this version was made. */
const madeAfterMs = Date.UTC(2025, 0, 1);
/** Clocks are corrected by a little, now and then. */
const clockSlackMs = 60_000;

/** Where the database is embedded. */
const folderChecks: Check[] = [
  { name: "data folder", reads: ["dataDir"], look: lookAtDataFolder },
  { name: "disk", reads: ["dataDir"], look: lookAtDisk },
  { name: "clock", reads: ["dataDir"], look: lookAtClock },
];

const checks: Check[] = [
  { name: "host", reads: ["host"], look: lookAtHost },
  { name: "port", reads: ["host", "port", "dataDir"], look: lookAtPort },
  { name: "email", reads: ["smtpUrl", "emailFrom", "emailConnections", "sendTimeoutMs"], look: lookAtEmail },
  { name: "webhook", reads: ["webhookSecret", "webhookAllowPrivate"], look: lookAtWebhook },
];

/**
 * Everything a start needs, and what a running service says of itself, looked at without changing anything.
 *
 * @param service null where it is not known at which address one may run
 */
export async function examine(
  environment: Record<string, string | undefined>,
  service: ServiceAddress | null,
): Promise<Finding[]> {
  const { config, faults } = readConfig(environment);
  const findings = [
    ...faults.map(({ detail }) => fail(sentence(detail), "See carillon --help for what it takes.")),
    ...misspelled(environment),
  ].map((result): Finding => ({ check: "settings", ...result }));
  if (findings.length === 0) findings.push({ check: "settings", ...ok("all of them can be read.") });
  if (config.databaseUrl === null) findings.push(...(await run(folderChecks, config)));
  if (faults.length === 0) findings.push(...(await examineServers(config)));
  findings.push(...(await run(checks, config)));
  if (service !== null) findings.push(...(await examineService(service)));
  return findings;
}

async function run(checks: Check[], config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name: check, reads, look } of checks) {
    if (reads.some((setting) => config[setting] === undefined)) continue;
    findings.push({ check, ...(await looked(look, config)) });
  }
  return findings;
}

/** What a check could not even look at would stop a start as well. */
async function looked(look: Check["look"], config: Config): Promise<Result> {
  try {
    return await look(config);
  } catch (error) {
    return fail(sentence((error as Error).message), "A start would run into the same.");
  }
}

function misspelled(environment: Record<string, string | undefined>): Result[] {
  const known = Object.values(settings).map(({ name }) => name);
  return Object.keys(environment).flatMap((name) => {
    const meant = known.includes(name) ? null : nearestName(name, known);
    if (meant === null || environment[meant] !== undefined) return [];
    return [warn(`${name} is set, and no setting.`, `Is ${meant} meant?`)];
  });
}

function lookAtDataFolder({ dataDir }: Config): Result {
  const { path, closest, usedBy, database, schemaVersion } = inspectData({ dataDir });
  if (usedBy !== null) {
    return warn(`${path} is in use by ${usedBy}.`, "Fine if that is the service; a second one cannot start.");
  }
  if (!statSync(closest).isDirectory()) return fail(`${closest} is no folder.`, "Set DATA_DIR to a folder.");
  try {
    accessSync(closest, constants.W_OK | constants.X_OK);
  } catch {
    return fail(`${closest} cannot be written to.`, "Let the service's user write there, or set DATA_DIR.");
  }
  if (database === "none") return ok(`${path} is new: the first start makes its database.`);
  if (database === "incomplete") {
    return warn(
      `The first start in ${path} was cut off.`,
      "The next one sets its files aside and begins anew.",
    );
  }
  if (database === "lost") {
    const todo = "Put a backup in its place, or set DATA_DIR.";
    return fail(`${path} has lost its PostgreSQL files.`, todo, "restore");
  }
  return lookAtVersion(path, schemaVersion);
}

function lookAtVersion(path: string, version: number | null): Result {
  if (version === null) return ok(`${path} holds a database; the start will ask for its version.`);
  if (version > newestVersion) {
    return fail(
      `${path} was written by a newer Carillon (version ${version}; this one knows ${newestVersion}).`,
      "Start that one, or set DATA_DIR.",
    );
  }
  const next = version < newestVersion ? `; the start migrates it to ${newestVersion}` : "";
  return ok(`${path} holds a database at version ${version}${next}.`);
}

function lookAtDisk({ dataDir }: Config): Result {
  const { closest } = inspectData({ dataDir });
  const { bavail, bsize } = statfsSync(closest);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 1024 ** 2)} MB are free at ${closest}.`;
  if (free < freeMinBytes) return fail(found, "Make room, or set DATA_DIR.", "full-disk");
  if (free < freeGoodBytes) return warn(found, "Make room, or set RETENTION_DAYS lower.", "full-disk");
  return ok(found);
}

/** Ids are times, and decide what is due and what is old enough to be dropped. */
function lookAtClock({ dataDir }: Config): Result {
  const nowMs = Date.now();
  const { startedAtMs } = inspectData({ dataDir });
  const found = `It is ${new Date(nowMs).toISOString()} here`;
  if (nowMs < madeAfterMs)
    return fail(`${found}, which cannot be.`, "Set the clock, best by NTP.", "wrong-clock");
  if (startedAtMs !== null && startedAtMs > nowMs + clockSlackMs) {
    const startedAt = new Date(startedAtMs).toISOString();
    return warn(
      `${found}, and the data was last started at ${startedAt}.`,
      "Is the clock set back?",
      "wrong-clock",
    );
  }
  return ok(`${found}.`);
}

function lookAtHost({ host }: Config): Result {
  if (/^(127\.|::1$|localhost$)/.test(host)) return ok(`${host} is reached from this machine alone.`);
  return warn(`${host} is reached from elsewhere, without TLS.`, "Put a TLS proxy in front of it.");
}

async function lookAtPort({ host, port, dataDir, databaseUrl }: Config): Promise<Result> {
  if (port === 0) return ok("any free port will be taken.");
  try {
    await Bun.serve({ hostname: host, port, fetch: () => new Response() }).stop(true);
    return ok(`${host}:${port} is free.`);
  } catch (error) {
    const found = `${host}:${port} cannot be taken: ${listenFault(error)}.`;
    if (databaseUrl !== null)
      return warn(found, "Fine if that is the service; a second one needs another PORT.");
    const { usedBy } = inspectData({ dataDir });
    if (usedBy !== null) return warn(found, `Fine if that is the service (${usedBy}).`);
    return fail(found, "Set PORT or HOST to something free.");
  }
}

async function lookAtEmail(config: Config): Promise<Result> {
  const { email } = providersOf({ ...config, webhookSecret: null }, null);
  if (email === undefined || config.smtpUrl === null) {
    return warn("no SMTP_URL: email is skipped.", "Set SMTP_URL to your mail server.");
  }
  const { host, username } = new URL(config.smtpUrl);
  try {
    await email.check?.();
  } catch (error) {
    return fail(
      sentence(`${host}: ${(error as Error).message}`),
      "Check SMTP_URL, or set it to another server.",
    );
  } finally {
    await email.close?.();
  }
  const found = `${host} answers${username === "" ? "" : " and takes the login"}.`;
  if (config.emailFrom !== settings.emailFrom.default) return ok(found);
  return warn(`${found} The sender is ${config.emailFrom}.`, "Set EMAIL_FROM: servers refuse such a sender.");
}

function lookAtWebhook({ webhookSecret, webhookAllowPrivate }: Config): Result {
  if (webhookSecret === null) {
    return warn(
      "no WEBHOOK_SECRET: webhooks are skipped.",
      "Make one: echo whsec_$(openssl rand -base64 32)",
    );
  }
  if (webhookAllowPrivate) {
    return warn(
      "webhooks may go to private addresses.",
      "Unset WEBHOOK_ALLOW_PRIVATE unless you trust all keys.",
    );
  }
  return ok("webhooks are signed, and go to public addresses only.");
}
