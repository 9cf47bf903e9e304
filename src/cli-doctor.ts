import type { Command } from "commander";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor-finding.ts";

const afterHelp = `
One line a check: ok, warn or FAIL, what was found, and what to do about it. It changes nothing.
FAIL: it would not start, or could not deliver; the exit code is 1 then.

Examples:
  carillon doctor
  SMTP_URL=smtp://mail.example.com:587 carillon doctor --json`;

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Check the settings and everything a start needs, without starting.")
    .option("--json", "For machines: {ok, findings: [{check, level, found, todo}]}.")
    .addHelpText("after", afterHelp)
    .action(async ({ json = false }: { json?: boolean }) => {
      const findings = await examine(process.env);
      const ok = findings.every(({ level }) => level !== "fail");
      if (json) console.log(JSON.stringify({ ok, findings }, null, 2));
      else for (const finding of findings) console.log(lineOf(finding));
      if (!ok) process.exitCode = 1;
    });
}

const words: Record<Finding["level"], string> = { ok: "ok  ", warn: "warn", fail: "FAIL" };

const lineOf = ({ check, level, found, todo }: Finding) =>
  `${words[level]}  ${check.padEnd(11)}  ${found}${todo === null ? "" : ` ${todo}`}`;
