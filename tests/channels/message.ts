import type { Message, Profile } from "../../src/channels/channel.ts";

/** A message to send, valid in each field; tests name what matters to them. */
export function aMessage({
  user,
  ...fields
}: Partial<Omit<Message, "user">> & { user?: Partial<Profile> } = {}): Message {
  return {
    projectId: "0198c0de-0000-7000-8000-000000000001",
    deliveryId: "0198c0de-0000-7000-8000-00000000d001",
    notificationId: "0198c0de-0000-7000-8000-00000000a001",
    channel: "email",
    title: "Your order is on its way",
    body: "It should arrive tomorrow.",
    priority: "normal",
    data: { order: 17 },
    metadata: {},
    createdAt: new Date("2026-03-01T12:00:00Z"),
    trace: null,
    ...fields,
    user: {
      id: "ana",
      email: "ana@example.test",
      phone: null,
      webhookUrl: null,
      name: "Ana",
      locale: null,
      timezone: null,
      ...user,
    },
  };
}

/** A signal that never aborts. */
export const never = new AbortController().signal;
