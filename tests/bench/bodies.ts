/** What everybody sends: the same words for us and for whatever we are compared with. */

export const bulkItems = 1000;
/** So many users take turns. */
export const userCount = 1000;
export const userOf = (index: number) => `user_${index % userCount}`;

export const title = "Your order has shipped";
export const text = "Order 42 is on its way and should be with you by Friday.";

export interface Content {
  /** Without one its user is looked up, and it goes through the event log; to the inbox alone, where the user has no address. */
  channel?: "inbox" | "webhook";
  priority?: "critical" | "high" | "normal" | "low";
  /** When it was meant to be sent, in milliseconds since the epoch: whoever gets it tells by it how long it took. */
  atMs?: number;
  user?: string;
  /** When it is to be sent, instead of now; in milliseconds since the epoch. */
  sendAtMs?: number;
}

/** What `POST /v1/notifications` takes. */
export function item(index: number, { channel, priority, atMs, user = userOf(index), sendAtMs }: Content) {
  return {
    to: user,
    title,
    body: text,
    ...(channel === undefined ? {} : { channels: [channel] }),
    ...(priority === undefined ? {} : { priority }),
    ...(atMs === undefined ? {} : { data: { at: atMs } }),
    metadata: { order: 42 },
    ...(sendAtMs === undefined ? {} : { send_at: new Date(sendAtMs).toISOString() }),
  };
}

export const singleBody = (index: number, content: Content) => JSON.stringify(item(index, content));

export const bulkBody = (from: number, content: Content, items = bulkItems) =>
  JSON.stringify({ notifications: Array.from({ length: items }, (_, index) => item(from + index, content)) });

/** A signing secret of Standard Webhooks; its 32 bytes are no secret. */
export const webhookSecret = `whsec_${Buffer.alloc(32, "bench").toString("base64")}`;
