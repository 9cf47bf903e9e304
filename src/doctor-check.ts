import type { Config } from "./config.ts";
import { type Finding, fail, type Result, sentence } from "./doctor-finding.ts";

/** One look at what a start needs. */
export interface Check {
  name: string;
  /** A check whose settings are wrong has nothing to look at. */
  reads: (keyof Config)[];
  look(config: Config): Result | Promise<Result>;
}

/** One after another; a check whose look fails says so. */
export async function runChecks(checks: Check[], config: Config): Promise<Finding[]> {
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
