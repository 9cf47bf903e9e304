import { type Command, InvalidArgumentError } from "commander";
import type { z } from "zod";
import { isId } from "../db/id.ts";
import { countAdminKeys, listKeys, revokeKey } from "../db/queries/keys.ts";
import { type Config, loadConfig } from "./config.ts";
import { StartError } from "./errors.ts";
import { keyInput } from "./http/schemas.ts";
import { viewOfKey } from "./http/views.ts";
import { inspectData, withDatabase } from "./parts.ts";
import { createKey, defaultProject, forgetKey, keyTtlSeconds, type NewKey } from "./pipeline/keys.ts";
import { iso } from "./pipeline/time.ts";
import { lookAtPostgres } from "./probes.ts";
import { addressIn } from "./server-address.ts";

interface InProject {
  project: string;
}

const { name, kind, scopes } = keyInput.shape;

const createExamples = `
The secret is all that stdout gets, and it is shown this once.

Examples:
  KEY=$(carillon keys create --name shop --scopes send,read)
  carillon keys create --name checkout-tests --scopes send --kind test`;

export function addKeysCommand(program: Command): void {
  const keys = program
    .command("keys")
    .description(
      "Make, list and revoke API keys: on DATABASE_URL at any time, on DATA_DIR while no service runs.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  carillon keys create --name shop --scopes send,read\n  carillon keys list",
    );
  keys
    .command("create")
    .description("Make a key, and its project if that is new.")
    .requiredOption("--name <name>", "Who uses it.", taken(name))
    .requiredOption("--scopes <list>", "What it may do: admin, send, read.", (list) =>
      taken(scopes)(list.split(",")),
    )
    .option("--kind <kind>", "live, or test: it walks the whole path and sends nothing.", taken(kind), "live")
    .option("--project <name>", "Whose users and notifications it sees.", taken(name), defaultProject)
    .addHelpText("after", createExamples)
    .action(create);
  keys
    .command("list")
    .description("List a project's keys, newest first; revoked ones stay listed.")
    .option("--project <name>", "Of which project.", taken(name), defaultProject)
    .addHelpText("after", "\nExample:\n  carillon keys list --project shop")
    .action(list);
  keys
    .command("revoke")
    .description("Take a key's rights away for good.")
    .argument("<id>", "The id that keys list shows.", keyId)
    .option("--project <name>", "Of which project.", taken(name), defaultProject)
    .addHelpText("after", "\nExample:\n  carillon keys revoke 019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b")
    .action(revoke);
}

/** Reads an option by the API's own schema: both take the same. */
function taken<T>(schema: z.ZodType<T>): (value: unknown) => T {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join("; "));
  };
}

function keyId(text: string): string {
  if (isId(text)) return text;
  throw new InvalidArgumentError("It is no id of a key: those are lowercase UUIDs.");
}

async function create(key: NewKey): Promise<void> {
  const config = freeConfig();
  const { id, secret } = await withDatabase(config, (open) => createKey(open, key));
  console.error(`Made the ${key.kind} key "${key.name}" (${id}) of project "${key.project}". Keep it:`);
  console.log(secret);
}

async function list({ project }: InProject): Promise<void> {
  const rows = await withDatabase(await existingConfig(), ({ db }) => listKeys(db.orm, { project }));
  if (rows.length === 0) console.error(`Project "${project}" has no keys.`);
  for (const row of rows) {
    const { id, name, kind, scopes, hint, created_at, revoked } = viewOfKey(row);
    const state = revoked ? "revoked" : "active";
    console.log([id, created_at, kind, state, scopes.join(","), `…${hint}`, name].join("  "));
  }
}

async function revoke(id: string, { project }: InProject): Promise<void> {
  const config = await existingConfig();
  const { adminsLeft, forgotten } = await withDatabase(config, async ({ db, clock, cache }) => {
    const [revoked] = await revokeKey(db.orm, { project, id, now: iso(clock.now()) });
    if (revoked === undefined) throw new StartError(`No key ${id} belongs to project "${project}".`);
    const shared = await cache();
    await forgetKey({ cache: shared }, revoked.hash);
    const [left] = await countAdminKeys(db.orm, { project, except: id });
    return { adminsLeft: left?.count ?? 0, forgotten: shared.available() };
  });
  console.log(`Revoked ${id}.`);
  if (!forgotten) {
    console.error(
      `Redis does not answer: a service may take the key for ${keyTtlSeconds(config)} s more. Repeat this once Redis answers.`,
    );
  }
  if (adminsLeft === 0)
    console.error(`Project "${project}" has no admin key now. Make one with keys create.`);
}

/** Settings with data that can be opened: a server's, or a folder that nobody has open. */
function freeConfig(): Config {
  const config = loadConfig(process.env);
  if (config.databaseUrl !== null) return config;
  const { path, usedBy } = inspectData(config);
  if (usedBy === null) return config;
  throw new StartError(
    `The data folder ${path} is in use by ${usedBy}. While it runs, keys are made, listed and revoked by POST, GET and DELETE /v1/keys with an admin key; else stop it first.`,
  );
}

/** The same, where looking for a key must make neither a folder nor tables. */
async function existingConfig(): Promise<Config> {
  const config = freeConfig();
  if (config.databaseUrl !== null) {
    const { schemaVersion } = await lookAtPostgres(config, config.databaseUrl);
    if (schemaVersion > 0) return config;
    throw new StartError(
      `There is no Carillon data in PostgreSQL at ${addressIn(config.databaseUrl)}. Set DATABASE_URL to the database of the service.`,
    );
  }
  const { path, database } = inspectData(config);
  if (database === "complete") return config;
  throw new StartError(`There is no Carillon data in ${path}. Set DATA_DIR to the folder of the service.`);
}
