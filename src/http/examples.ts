/** The examples of the API's description. A test holds each against its schema. */

export const userId = "user_123";
export const notificationId = "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
const createdAt = "2026-05-12T09:30:00.333Z";
const content = {
  title: "Your order has shipped",
  body: "Order 42 is on its way and should be with you by Friday.",
};

export const notificationInput = {
  to: { user_id: userId, email: "ana@example.com" },
  ...content,
  priority: "high",
  metadata: { order: 42 },
};

export const accepted = {
  id: notificationId,
  user_id: userId,
  status: "pending",
  priority: "high",
  channels: null,
  created_at: createdAt,
  send_at: null,
  expires_at: null,
};

const notification = { ...accepted, reason: null, ...content, data: null, metadata: { order: 42 } };

export const sent = { ...notification, status: "sent" };

export const bulkAnswer = [
  { id: notificationId, status: "pending" },
  {
    error: {
      type: "/docs#error-validation_failed",
      title: "Some of what was sent is not valid",
      status: 422,
      detail: "notifications/1/title is missing",
      code: "validation_failed",
      errors: [{ pointer: "#/notifications/1/title", detail: "is missing" }],
    },
  },
];

const unmarked = { seen_at: null, read_at: null, archived_at: null };

const emailDelivery = {
  id: `${notificationId}-email`,
  notification_id: notificationId,
  user_id: userId,
  channel: "email",
  status: "sent",
  reason: null,
  reason_detail: null,
  updated_at: "2026-05-12T09:30:00.512Z",
  ...unmarked,
  attempts: [
    {
      at: "2026-05-12T09:30:00.390Z",
      provider: "smtp",
      outcome: "sent",
      answer: "250 2.0.0 Ok: queued as 4XyZ",
    },
  ],
};

export const detail = { ...sent, reason_detail: null, deliveries: [emailDelivery] };

export const cancelled = {
  ...notification,
  status: "cancelled",
  reason: "cancelled",
  reason_detail: "it was cancelled before it was sent",
  deliveries: [],
};

export const failedDelivery = {
  ...emailDelivery,
  id: `${notificationId}-webhook`,
  channel: "webhook",
  status: "failed",
  reason: "gone",
  reason_detail: "the receiver answered 410 Gone",
  attempts: [{ at: "2026-05-12T09:30:00.390Z", provider: "webhook", outcome: "failed", answer: "HTTP 410" }],
};

export const replayed = { ...failedDelivery, status: "queued", reason: null, reason_detail: null };

export const profileInput = {
  email: "ana@example.com",
  name: "Ana Sousa",
  locale: "pt-PT",
  timezone: "Europe/Lisbon",
};

export const user = {
  id: userId,
  ...profileInput,
  phone: null,
  webhook_url: null,
  created_at: createdAt,
  updated_at: createdAt,
};

export const erased = {
  id: userId,
  erased: {
    profiles: 1,
    notifications: 7,
    deliveries_cancelled: 1,
    attempt_answers: 5,
    sandbox_messages: 0,
    archived_notifications: 12,
  },
};

export const inboxItem = {
  id: notificationId,
  ...content,
  priority: "high",
  data: null,
  metadata: { order: 42 },
  created_at: createdAt,
  ...unmarked,
  seen_at: "2026-05-12T09:41:07.000Z",
  read_at: "2026-05-12T09:41:07.000Z",
};

export const key = {
  id: "019e1a2b-0000-7abc-8def-0123456789ab",
  name: "backend",
  project: "default",
  kind: "live",
  scopes: ["send"],
  hint: "bmNl",
  created_at: createdAt,
  revoked: false,
};

export const sandboxMessage = {
  id: "019e1a2b-3c4d-7fff-8a6b-7c8d9e0f1a2b",
  user_id: userId,
  channel: "email",
  address: "ana@example.com",
  ...content,
  notification_id: notificationId,
  created_at: createdAt,
};
