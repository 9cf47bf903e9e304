/** A line of logging: one JSON object with its time, its level, what happened, and fields. */

export type Level = "debug" | "info" | "warn" | "error";
const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

type Scalar = string | number | boolean | null | undefined;
export type Fields = Record<string, Scalar | Record<string, Scalar>>;
export type Write = (line: string) => void;

interface Options {
  /** The least important level that is written. */
  level: Level;
  write: Write;
}

export function createLogging({ level, write }: Options) {
  const isWritten = (at: Level) => rank[at] >= rank[level];

  function log(at: Level, message: string, fields: Fields = {}): void {
    if (!isWritten(at)) return;
    // Put together rather than copied into one object: 0.4 µs less for a wide line.
    const rest = JSON.stringify(fields).slice(1);
    write(
      `{"time":"${isoNow()}","level":"${at}","message":${JSON.stringify(message)}${rest === "}" ? "" : ","}${rest}`,
    );
  }

  return { isWritten, log };
}

/** An error with its causes, without parameters of statements: they carry people's words. */
export function wordsOfError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error && parts.length < 5; at = at.cause) {
    const firstLine = at.message.split("\nparams:")[0] ?? "";
    const named = `${at.name}: ${firstLine}`;
    parts.push(at.cause === undefined ? withStack(named, at) : named);
  }
  return parts.join(" ← ") || String(error);
}

/** Bun's stack of a DOMException (an abort, a time-out) has frames alone. */
function withStack(named: string, { stack = "", message }: Error): string {
  return stack.includes(message) ? stack : [named, stack].filter((part) => part !== "").join("\n");
}

let lastMs = 0;
let lastIso = "";

/** Many lines are of one millisecond. */
function isoNow(): string {
  const nowMs = Date.now();
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastIso = new Date(nowMs).toISOString();
  }
  return lastIso;
}
