import type { Config } from "./config.ts";
import type { Check } from "./doctor-check.ts";
import { fail, ok, type Result, warn } from "./doctor-finding.ts";
import { inspectData } from "./parts.ts";
import { listenFault } from "./serve.ts";

/** Where it would listen. */
export const listeningChecks: Check[] = [
  { name: "host", reads: ["host"], look: lookAtHost },
  { name: "port", reads: ["host", "port", "dataDir"], look: lookAtPort },
];

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
