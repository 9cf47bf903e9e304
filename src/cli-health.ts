import type { Command } from "commander";
import { z } from "zod";
import { StartError } from "./errors.ts";
import { serviceUrl } from "./service-url.ts";

/** How long the service may take to answer, in milliseconds: /readyz itself waits 2 s for its database. */
const timeoutMs = 4000;

/** Of an answer of /readyz, what is printed: the service may be of another version. */
const readiness = z.object({
  data: z.object({
    status: z.string(),
    missing: z.string().optional(),
    degraded: z.array(z.string()).default([]),
  }),
});

const afterHelp = `
For health checks where there is no curl. It finds the service by the same HOST and PORT.
The exit code is 0 where it is ready, though its cache or event log be down; else 1.

Examples:
  carillon health
  carillon health --url http://10.0.0.7:3000`;

export function addHealthCommand(program: Command): void {
  program
    .command("health")
    .description("Ask the service that runs whether it takes requests.")
    .option("--url <url>", "Where the service listens.", serviceUrl(process.env))
    .addHelpText("after", afterHelp)
    .action(async ({ url }: { url: string }, command: Command) => {
      if (!URL.canParse(url)) command.error(`error: --url ${url} is no URL`);
      console.log(await health(url.replace(/\/+$/, "")));
    });
}

/** A sentence. Throws a StartError with what is missing. */
async function health(url: string): Promise<string> {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeoutMs) }).then(
    (response) => response.json().catch(() => null),
    (error: Error & { code?: string }) => {
      const why = error.code === "ECONNREFUSED" ? "nothing listens there" : error.message;
      throw new StartError(`${url} does not answer: ${why}.`);
    },
  );
  const { success, data: known } = readiness.safeParse(answer);
  if (!success) throw new StartError(`What answers at ${url} is no Carillon.`);
  const { status, missing, degraded } = known.data;
  if (status !== "ready") throw new StartError(`${url} is not ready: ${missing ?? status}.`);
  return `${url} is ready${degraded.length === 0 ? "" : `, without its ${degraded.join(" and its ")}`}.`;
}
