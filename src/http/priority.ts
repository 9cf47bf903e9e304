import { defaultPriority, type Priority, priorities } from "../channels/channel.ts";

/**
 * The most urgent priority that a body asks for, a bulk one's items included, before it is known to be valid: what is no
 * priority counts as none.
 */
export function mostUrgentOf(body: unknown): Priority {
  const items = fieldOf(body, "notifications");
  let lane: number = priorities.length;
  for (const item of Array.isArray(items) ? items : [body]) {
    const own = priorities.indexOf((fieldOf(item, "priority") ?? defaultPriority) as Priority);
    if (own >= 0 && own < lane) lane = own;
  }
  return priorities.at(lane) ?? defaultPriority;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
