/** What people at a terminal can do without: a program finds it in the line as it is. */
const unread = new Set(["request_id", "project_id", "key_id", "delivery_id", "bytes_in", "bytes_out"]);

/** A log line as people read it who have sent a notification and watch what becomes of it. */
export function readable(line: string): string {
  const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).filter(([name]) => !unread.has(name));
  return [
    String(time).slice("2026-01-01T".length, -1),
    ...(level === "info" ? [] : [String(level).toUpperCase()]),
    message,
    ...shown.map(([name, value]) => `${name}=${wordOf(value)}`),
  ].join(" ");
}

function wordOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([name, word]) => `${name}:${word}`)
    .join(",");
}
