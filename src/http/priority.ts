import { defaultPriority, type Priority, priorities } from "../channels/channel.ts";

/**
 * The priorities that a body asks for, a bulk one's items included, before it is known to be valid: what is no priority counts
 * as none.
 */
export function prioritiesOf(body: unknown): Set<Priority> {
  const items = fieldOf(body, "notifications");
  const asked = new Set<Priority>();
  for (const item of Array.isArray(items) ? items : [body]) {
    const priority = (fieldOf(item, "priority") ?? defaultPriority) as Priority;
    if (priorities.includes(priority)) asked.add(priority);
  }
  return asked;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
