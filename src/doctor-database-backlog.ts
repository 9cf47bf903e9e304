import type { Backlog } from "../db/backlog.ts";
import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import { count, percent, secondsIn, several } from "./doctor-words.ts";
import { bounds } from "./targets.ts";

/** A queue is one project's where so much of it is, of so many rows or more. */
const noisyRatio = 0.8;
const noisyRowsMin = 1000;

/** What waits in the database and what came to nothing, whether or not a service runs. */
export function examineBacklog({ overdueSeconds, overdue, deadLetters, strays }: Backlog): Finding[] {
  return [
    { check: "overdue", ...late(overdueSeconds) },
    { check: "projects", ...noise(overdue) },
    { check: "dead letters", ...letters(deadLetters) },
    ...(strays ? [{ check: "partitions", ...stray }] : []),
  ];
}

function late(seconds: number): Result {
  const bound = secondsIn(bounds.dueOldestSeconds.warning);
  const found = `what waits longest for its turn is ${secondsIn(seconds)} late (bound ${bound}).`;
  return judged(seconds, bounds.dueOldestSeconds, found, "late-deliveries");
}

function noise(projects: Backlog["overdue"]): Result {
  const rows = projects.reduce((sum, project) => sum + project.rows, 0);
  const [first] = projects;
  if (first === undefined) return ok("nobody's deliveries are late.");
  const who = `${first.project}${first.kind === "test" ? " (test)" : ""}`;
  const share = percent(first.rows / rows);
  const found = `${share} of ${several(rows, "late delivery", "late deliveries")} belong to the project ${who}`;
  if (rows < noisyRowsMin || first.rows / rows < noisyRatio) return ok(`${found}.`);
  return warn(`${found} (bound ${percent(noisyRatio)}).`, null, "noisy-project");
}

function letters(deadLetters: Backlog["deadLetters"]): Result {
  if (deadLetters.length === 0) return ok("none.");
  const words = deadLetters.map(({ channel, rows }) => `${channel} ${count(rows)}`);
  return warn(`failed for good and kept: ${words.join(", ")}.`, null, "dead-letters");
}

const stray = warn("rows lie outside of their days.", null, "partitions");
