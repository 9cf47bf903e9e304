/**
 * Ids are UUIDv7 (RFC 9562 §5.7): the first 48 bits are the millisecond they were made in. So an id is a
 * time, a range of ids is a span of time, and no second column says when a thing was made.
 */

/** A new id. Within a process, later ids are greater. */
export function newId(nowMs: number): string {
  return Bun.randomUUIDv7("hex", nowMs);
}

/** The smallest id of a millisecond: every id made at or after it is greater or equal. */
export function idFloor(ms: number): string {
  const hex = Math.max(0, Math.trunc(ms)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** When an id was made, in milliseconds since the epoch. */
export function idTimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isId(text: string): boolean {
  return uuidPattern.test(text);
}

/** A delivery is a notification on a channel, and its id says so. */
export function deliveryIdOf(notificationId: string, channel: string): string {
  return `${notificationId}-${channel}`;
}

const uuidLength = 36;

/** The two halves of a delivery's id, or null where it is none. */
export function parseDeliveryId(id: string): { notificationId: string; channel: string } | null {
  const notificationId = id.slice(0, uuidLength);
  if (!isId(notificationId) || id[uuidLength] !== "-") return null;
  return { notificationId, channel: id.slice(uuidLength + 1) };
}
