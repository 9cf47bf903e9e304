import type { DeliveryStatus } from "../../db/queries/deliveries.ts";
import type { NotificationStatus } from "../../db/queries/notifications.ts";

/** The states of a delivery, each with those that may follow it. What none follows is final. */
export const deliveryStates: Record<DeliveryStatus, readonly DeliveryStatus[]> = {
  queued: ["sending", "skipped", "cancelled"],
  sending: ["sent", "retrying", "failed", "skipped", "queued"],
  retrying: ["sending", "queued", "skipped", "cancelled"],
  sent: ["delivered", "bounced"],
  delivered: [],
  bounced: [],
  // A dead letter is replayed.
  failed: ["queued", "cancelled"],
  skipped: [],
  cancelled: [],
};

/** The states of a notification. A replay of one of its dead letters opens it again. */
export const notificationStates: Record<NotificationStatus, readonly NotificationStatus[]> = {
  scheduled: ["processing", "sent", "skipped", "cancelled"],
  pending: ["processing", "sent", "skipped", "cancelled"],
  processing: ["sent", "failed", "skipped", "cancelled"],
  sent: ["processing"],
  failed: ["processing"],
  skipped: [],
  cancelled: [],
};

export const deliveryStatuses = Object.keys(deliveryStates) as [DeliveryStatus, ...DeliveryStatus[]];
export const notificationStatuses = Object.keys(notificationStates) as [
  NotificationStatus,
  ...NotificationStatus[],
];

/** Why something was not sent, or not by all channels; each with its sentence for people. */
export const reasons = {
  expired: "expires_at had passed",
  no_address: "the user has no address for this channel",
  no_provider: "no provider is set up for this channel",
  user_erased: "the user was erased",
  cancelled: "it was cancelled before it was sent",
  some_failed: "some channels were reached, others failed",
  attempts_exhausted: "every attempt failed; it can be replayed",
  ambiguous: "the last attempt got no answer: it may have arrived; it can be replayed",
  rejected: "the provider refused it for good",
  bad_address: "the provider says that this address does not exist",
  gone: "the receiver answered 410 Gone",
  private_address: "webhook_url leads to a private address",
} as const;

export type Reason = keyof typeof reasons;
