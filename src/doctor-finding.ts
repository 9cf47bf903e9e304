import { levelOf, type Target } from "./targets.ts";

/** The entries of docs/runbook.md, as its headings are linked to. */
export const runbookEntries = [
  "high-latency",
  "high-error-rate",
  "overloaded",
  "event-loop-lag",
  "cpu",
  "memory",
  "database",
  "pool-exhausted",
  "long-transactions",
  "partitions",
  "bloat",
  "replica-behind",
  "cache-misses",
  "redis-down",
  "redis-full",
  "kafka-down",
  "lag",
  "unreadable-events",
  "old-pending",
  "late-deliveries",
  "noisy-project",
  "provider-down",
  "silent-receiver",
  "dead-letters",
  "workers-end",
  "full-disk",
  "not-running",
  "wrong-clock",
  "lost-keys",
  "long-export",
  "failed-migration",
  "restore",
] as const;

export type RunbookEntry = (typeof runbookEntries)[number];

/** What a check found: with `fail` nothing starts or nothing arrives, `warn` may surprise later. */
export interface Finding {
  check: string;
  level: "ok" | "warn" | "fail";
  found: string;
  /** What to do about it. */
  todo: string | null;
  /** The entry of docs/runbook.md that goes on from here. */
  entry: RunbookEntry | null;
}

export type Result = Omit<Finding, "check">;

export const ok = (found: string): Result => ({ level: "ok", found, todo: null, entry: null });

type Make = (found: string, todo: string | null, entry?: RunbookEntry | null) => Result;
export const warn: Make = (found, todo, entry = null) => ({ level: "warn", found, todo, entry });
export const fail: Make = (found, todo, entry = null) => ({ level: "fail", found, todo, entry });

/** Of a figure and what it should keep to; what to do stands in the runbook. */
export function judged(value: number, target: Target, found: string, entry: RunbookEntry): Result {
  const level = levelOf(value, target);
  return { level, found, todo: null, entry: level === "ok" ? null : entry };
}

export const sentence = (text: string) => `${text.replace(/\.$/, "")}.`;
