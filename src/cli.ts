import { constants } from "node:os";
import { Command, CommanderError } from "commander";
import { failureOf } from "../db/failure.ts";
import { newestVersion } from "../db/migrate.ts";
import packageJson from "../package.json" with { type: "json" };
import { addDoctorCommand } from "./cli-doctor.ts";
import { addExplainCommand } from "./cli-explain.ts";
import { addExportCommand } from "./cli-export.ts";
import { addHealthCommand } from "./cli-health.ts";
import { addImportCommand } from "./cli-import.ts";
import { addKeysCommand } from "./cli-keys.ts";
import { addMetricsCommand } from "./cli-metrics.ts";
import { addSendCommand } from "./cli-send.ts";
import { addSettingsCommand, settingsHelp } from "./cli-settings.ts";
import { loadConfig } from "./config.ts";
import { ClientError, StartError } from "./errors.ts";
import { withDatabase } from "./parts.ts";
import { startService } from "./serve.ts";
import { addressIn } from "./server-address.ts";

const failed = 1;
const wrongUsage = 2;
/** One Ctrl-C arrives several times under npx and bun run: they pass on what the terminal has sent to all. */
const echoMs = 500;

/** Runs one command and sets the process's exit code. What nobody foresaw is thrown on, with its stack. */
export async function runCli(args: string[]): Promise<void> {
  try {
    await programOf().parseAsync(args.length === 0 ? ["serve"] : args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has printed why; 0 stands for --help and --version.
      process.exitCode = error.exitCode === 0 ? 0 : wrongUsage;
    } else if (error instanceof StartError || error instanceof ClientError) {
      console.error(error.message);
      process.exit(failed); // Now: what a failed start had opened by then would keep the process.
    } else if (failureOf(error) === "full") {
      console.error(
        "The disk that holds the database is full. Make room, then start again: nothing is lost.",
      );
      // Whatever part of the service stands by now ends with it.
      process.exit(failed);
    } else if ((error as { code?: string }).code !== "EPIPE") throw error; // As with head: it has read enough.
  }
}

const afterHelp = `
Examples:
  carillon                                    serve with the default settings
  PORT=8080 DATA_DIR=/srv/carillon carillon   serve with others
  carillon dev                                try it out: nothing leaves this machine
  carillon migrate                            bring the database up to date before a start
  carillon doctor                             check everything a start needs, and the service that runs
  carillon health                             ask the service that runs whether it takes requests
  carillon explain countInbox                 show the plan of a query
  carillon keys create --name shop --scopes send,read
  carillon export | DATABASE_URL=postgres://carillon@db.example.com/carillon carillon import
  carillon send --to ana --title Hello --body "It works" --wait
  carillon settings --write README.md
  carillon metrics | less

Settings are environment variables:

${settingsHelp()}

Exit codes:
  0  it was done
  1  it failed: stderr says why (doctor: a check says FAIL; health: it is not ready; send --wait: it was not sent)
  2  wrong usage: an unknown command or option, or a value that an option does not take
  128 + signal  a second SIGINT or SIGTERM cut it off`;

function programOf(): Command {
  const program = new Command("carillon")
    .description("Notification infrastructure in one binary. Without a command it serves.")
    .usage("[command] [options]")
    .version(packageJson.version, "-v, --version", "Print the version.")
    .helpOption("-h, --help", "Explain a command.")
    .helpCommand("help [command]", "Explain a command.")
    .showHelpAfterError("Run carillon --help to see every command, option and setting.")
    .addHelpText("after", afterHelp)
    .exitOverride();
  program
    .command("serve")
    .description("Serve the API and deliver; a channel without a provider is skipped.")
    .addHelpText("after", "\nExample:\n  PORT=8080 DATA_DIR=/srv/carillon carillon serve")
    .action(() => serve({ dev: false }));
  program
    .command("dev")
    .description("Serve for development; a channel without a provider keeps its messages at /sandbox.")
    .addHelpText("after", "\nExample:\n  PORT=8080 carillon dev")
    .action(() => serve({ dev: true }));
  program
    .command("migrate")
    .description("Bring the database (DATABASE_URL, or DATA_DIR) up to date, which every start does too.")
    .addHelpText("after", "\nExample:\n  DATA_DIR=/srv/carillon carillon migrate")
    .action(migrate);
  addDoctorCommand(program);
  addHealthCommand(program);
  addExplainCommand(program);
  addKeysCommand(program);
  addExportCommand(program);
  addImportCommand(program);
  addSendCommand(program);
  addSettingsCommand(program);
  addMetricsCommand(program);
  return program;
}

async function serve({ dev }: { dev: boolean }): Promise<void> {
  const stopAsked = firstStopSignal();
  const service = await startService(loadConfig(process.env), { dev });
  await stopAsked;
  await service.stop();
  // A connection whose other end is silent would keep the process.
  process.exit(0);
}

/** Resolves at the first SIGTERM or SIGINT. The second ends the process at once: nothing accepted is lost. */
function firstStopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let askedMs: number | null = null;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      const nowMs = performance.now();
      askedMs ??= nowMs;
      if (nowMs - askedMs > echoMs) process.exit(128 + constants.signals[signal]);
      resolve();
    });
  }
  return promise;
}

async function migrate(): Promise<void> {
  const config = loadConfig(process.env);
  const applied = await withDatabase(config, async ({ migrated }) => migrated);
  const done = applied.length === 0 ? "nothing to apply" : `applied ${applied.join(", ")}`;
  const { databaseUrl, dataDir } = config;
  const place = databaseUrl === null ? dataDir : `PostgreSQL at ${addressIn(databaseUrl)}`;
  console.log(`${place} is up to date at version ${newestVersion}: ${done}.`);
}
