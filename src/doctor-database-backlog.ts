import type { Backlog } from "../db/backlog.ts";
import { type Finding, judged, ok, type Result, warn } from "./doctor-finding.ts";
import { count, percent, secondsIn, several } from "./doctor-words.ts";
import { bounds } from "./targets.ts";

/** Beside others, a project takes their places where so much of what waits is its own, of so many rows or more. */
const noisyRatio = 0.8;
const noisyRowsMin = 2000;

/** What waits in the database and what came to nothing, whether or not a service runs. */
export function examineBacklog({
  overdueSeconds,
  waiting,
  projects,
  deadLetters,
  strays,
}: Backlog): Finding[] {
  return [
    { check: "overdue", ...late(overdueSeconds) },
    { check: "projects", ...noise(waiting, projects) },
    { check: "dead letters", ...letters(deadLetters) },
    ...(strays ? [{ check: "partitions", ...stray }] : []),
  ];
}

function late(seconds: number): Result {
  const bound = secondsIn(bounds.dueOldestSeconds.warning);
  const found = `what waits longest for its turn is ${secondsIn(seconds)} late (bound ${bound}).`;
  return judged(seconds, bounds.dueOldestSeconds, found, "late-deliveries");
}

function noise(waiting: Backlog["waiting"], projects: number): Result {
  const rows = waiting.reduce((sum, project) => sum + project.rows, 0);
  const [first] = waiting;
  if (first === undefined) return ok("no delivery waits for its turn.");
  const who = `${first.project}${first.kind === "test" ? " (test)" : ""}`;
  const share = percent(first.rows / rows);
  const found = `${share} of ${several(rows, "waiting delivery", "waiting deliveries")} belong to the project ${who}`;
  if (projects === 1 || rows < noisyRowsMin || first.rows / rows < noisyRatio) return ok(`${found}.`);
  return warn(`${found} (bound ${percent(noisyRatio)}).`, null, "noisy-project");
}

function letters(deadLetters: Backlog["deadLetters"]): Result {
  if (deadLetters.length === 0) return ok("none.");
  const words = deadLetters.map(({ channel, rows }) => `${channel} ${count(rows)}`);
  return warn(`failed for good and kept: ${words.join(", ")}.`, null, "dead-letters");
}

const stray = warn("rows lie outside of their partitions.", null, "partitions");
