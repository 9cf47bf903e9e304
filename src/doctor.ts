import { readConfig, settings } from "./config.ts";
import { runChecks } from "./doctor-check.ts";
import { type Finding, fail, ok, type Result, sentence, warn } from "./doctor-finding.ts";
import { folderChecks } from "./doctor-folder.ts";
import { listeningChecks } from "./doctor-listening.ts";
import { providerChecks } from "./doctor-providers.ts";
import { examineServers } from "./doctor-servers.ts";
import { examineService, type ServiceAddress } from "./doctor-service.ts";
import { nearestName } from "./spelling.ts";

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
  if (config.databaseUrl === null) findings.push(...(await runChecks(folderChecks, config)));
  if (faults.length === 0) findings.push(...(await examineServers(config)));
  findings.push(...(await runChecks([...listeningChecks, ...providerChecks], config)));
  if (service !== null) findings.push(...(await examineService(service)));
  return findings;
}

function misspelled(environment: Record<string, string | undefined>): Result[] {
  const known = Object.values(settings).map(({ name }) => name);
  return Object.keys(environment).flatMap((name) => {
    const meant = known.includes(name) ? null : nearestName(name, known);
    if (meant === null || environment[meant] !== undefined) return [];
    return [warn(`${name} is set, and no setting.`, `Is ${meant} meant?`)];
  });
}
