import { type Command, InvalidArgumentError } from "commander";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor-finding.ts";
import type { ServiceAddress } from "./doctor-service.ts";
import { serviceUrl } from "./service-url.ts";

/** A p95 of fewer seconds is a matter of luck; longer than a minute nobody waits. */
const secondsDefault = 5;
const secondsMax = 60;

const afterHelp = `
One line a check: ok, warn or FAIL, what was found, and what to do about it or which entry of docs/runbook.md says so.
It changes nothing. Where a service runs at HOST and PORT, or at --url, it is looked at, too, the worst first: its
metrics are read twice, and what happened in between is compared with the bounds of the alert rules.
FAIL: it would not start, could not deliver, or is beyond a critical bound; the exit code is 1 then.

Examples:
  carillon doctor
  carillon doctor --url http://10.0.0.7:3000 --seconds 30
  SMTP_URL=smtp://mail.example.com:587 carillon doctor --json`;

interface Options {
  json?: true;
  url?: string;
  seconds: number;
}

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Check the settings, everything a start needs, and the service that runs.")
    .option("--json", "For machines: {ok, findings: [{check, level, found, todo, entry}]}.")
    .option("--url <url>", "Where the service runs; by default HOST and PORT, and it need not run.")
    .option("--seconds <count>", "For how long a running service is watched.", secondsOf, secondsDefault)
    .addHelpText("after", afterHelp)
    .action(async ({ json, ...options }: Options, command: Command) => {
      const { url } = options;
      if (url !== undefined && !URL.canParse(url)) command.error(`error: --url ${url} is no URL`);
      const findings = await examine(process.env, addressOf(options));
      const ok = findings.every(({ level }) => level !== "fail");
      if (json) console.log(JSON.stringify({ ok, findings }, null, 2));
      else print(findings);
      if (!ok) process.exitCode = 1;
    });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= secondsMax) return seconds;
  throw new InvalidArgumentError(`It is no number of seconds up to ${secondsMax}.`);
}

/** With PORT=0 nobody knows where it runs. */
function addressOf({ url, seconds }: Options): ServiceAddress | null {
  const own = serviceUrl(process.env);
  if (url === undefined) return own.endsWith(":0") ? null : { url: own, expected: false, seconds };
  return { url: url.replace(/\/+$/, ""), expected: true, seconds };
}

function print(findings: Finding[]): void {
  for (const finding of findings) console.log(lineOf(finding));
  if (findings.every(({ entry }) => entry === null)) return;
  const counts = (["fail", "warn", "ok"] as const).map(
    (level) => `${findings.filter((finding) => finding.level === level).length} ${words[level].trim()}`,
  );
  console.log(`\n${counts.join(", ")}.`);
}

const words: Record<Finding["level"], string> = { ok: "ok  ", warn: "warn", fail: "FAIL" };

function lineOf({ check, level, found, todo, entry }: Finding): string {
  const more = [todo, entry && `See docs/runbook.md#${entry}.`].filter(Boolean);
  return [`${words[level]}  ${check.padEnd(12)}  ${found}`, ...more].join(" ");
}
