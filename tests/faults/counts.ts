/** What is counted of a run, what must hold of it, and how it is printed. */

export interface Counts {
  sent: number;
  answered202: number;
  /** Requests by the status of their answer; "none" for those that got no answer. */
  rejected: Record<string, number>;
  stored: number;
  arrived: number;
  duplicates: number;
  /** Duplicates that the service's settings allow for this fault, and those whose receiver answered too late. */
  duplicatesMax: number;
  ambiguous: number;
  longestGapMs: number;
  slowestAnswerMs: number;
  /** From the end of the fault to the first webhook of a notification that was accepted after it. */
  recoveredMs: number;
  /** From the end of the load to the end of all that was open. */
  settledMs: number;
  /** Of each process that lived all the while, after the warm-up and at the end. */
  rssMb: { before: number; after: number }[];
}

export interface Outcome {
  /** `stack: fault`. */
  name: string;
  counts: Counts;
  /** What does not hold, a sentence each; empty where all is well. */
  violations: string[];
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);
const rejectedText = (rejected: Counts["rejected"]) =>
  Object.entries(rejected)
    .map(([status, count]) => `${status}: ${count}`)
    .join(", ") || "none";
const rssText = (rss: Counts["rssMb"]) =>
  rss.map(({ before, after }) => `${before.toFixed(0)} → ${after.toFixed(0)}`).join(", ") || "–";

/** One line of counts. */
export function lineOf({ name, counts }: Outcome): string {
  return (
    `${name}: ${counts.sent} sent, ${counts.answered202} answered with 202, rejected ${rejectedText(counts.rejected)}; ` +
    `${counts.stored} stored, ${counts.arrived} arrived, ${counts.duplicates} duplicates (at most ${counts.duplicatesMax}), ` +
    `${counts.ambiguous} ambiguous; longest gap without a 202 ${seconds(counts.longestGapMs)} s, ` +
    `slowest answer ${seconds(counts.slowestAnswerMs)} s, recovered after ${seconds(counts.recoveredMs)} s, ` +
    `settled after ${seconds(counts.settledMs)} s; RSS ${rssText(counts.rssMb)} MB`
  );
}

const columns: [head: string, cell: (outcome: Outcome) => string | number][] = [
  ["fault", ({ name }) => name],
  ["sent", ({ counts }) => counts.sent],
  ["202", ({ counts }) => counts.answered202],
  ["rejected", ({ counts }) => rejectedText(counts.rejected)],
  ["stored", ({ counts }) => counts.stored],
  ["arrived", ({ counts }) => counts.arrived],
  ["duplicates", ({ counts }) => `${counts.duplicates} ≤ ${counts.duplicatesMax}`],
  ["ambiguous", ({ counts }) => counts.ambiguous],
  ["gap s", ({ counts }) => seconds(counts.longestGapMs)],
  ["slowest s", ({ counts }) => seconds(counts.slowestAnswerMs)],
  ["recovered s", ({ counts }) => seconds(counts.recoveredMs)],
  ["settled s", ({ counts }) => seconds(counts.settledMs)],
  ["RSS MB", ({ counts }) => rssText(counts.rssMb)],
  ["", ({ violations }) => (violations.length === 0 ? "ok" : "FAIL")],
];

/** All runs as a table in Markdown. */
export function tableOf(outcomes: Outcome[]): string {
  const rows = [
    columns.map(([head]) => head),
    columns.map(() => "---"),
    ...outcomes.map((outcome) => columns.map(([, cell]) => String(cell(outcome)))),
  ];
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
