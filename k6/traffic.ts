/**
 * What users do in the scenarios. Before each step they think, for a second on average: they come neither at full speed nor
 * all at the same moment.
 */
import { sleep } from "k6";
import exec from "k6/execution";
import {
  countInbox,
  listNotifications,
  listOfUser,
  markRead,
  type Notification,
  readInbox,
  readNotification,
  readUser,
  requireService,
  saveUser,
  send,
  sendBulk,
} from "./api.ts";

const users = 200;
const bulkItems = 100;
/** Where webhooks go; without it all goes to inboxes. */
const webhookUrl = __ENV.WEBHOOK_URL || "";

const userOf = (nth: number) => `user_${nth}`;
const anyUser = () => userOf(Math.floor(Math.random() * users));
const chance = (share: number) => Math.random() < share;
const think = () => sleep(0.5 + Math.random());

/** Before the first visit: looks whether there is a service, and stores the users. */
export function prepare(): void {
  requireService();
  for (let nth = 0; nth < users; nth += 1) saveUser(userOf(nth), profileOf(nth));
}

const profileOf = (nth: number): Record<string, string> => ({
  name: `User ${nth}`,
  locale: "en",
  ...(webhookUrl === "" ? {} : { webhook_url: webhookUrl }),
});

/** One notification, some of them twice under one key; now and then a bulk or a profile. */
function write(): void {
  const drawn = Math.random();
  if (drawn < 0.02) sendBulk(Array.from({ length: bulkItems }, () => notificationTo(anyUser())));
  else if (drawn < 0.04) saveAny();
  else sendAndLook(notificationTo(anyUser()));
}

function sendAndLook(notification: Notification): void {
  const id = chance(0.2) ? sendTwice(notification) : send(notification);
  if (id !== null) readNotification(id, notification);
}

function sendTwice(notification: Notification): string | null {
  const idempotencyKey = `${exec.vu.idInTest}-${exec.vu.iterationInInstance}-${Date.now()}`;
  const earlierId = send(notification, { idempotencyKey });
  return earlierId === null ? null : send(notification, { idempotencyKey, earlierId });
}

function saveAny(): void {
  const nth = Math.floor(Math.random() * users);
  saveUser(userOf(nth), profileOf(nth));
}

/** The inbox with its count; what is unread is read, and now and then a list. */
function read(): void {
  const user = anyUser();
  countInbox(user);
  const [unread] = readInbox(user);
  if (unread !== undefined) markRead(user, unread);
  if (chance(0.2)) listOfUser(user);
  if (chance(0.1)) listNotifications();
  if (chance(0.1)) readUser(user);
}

/** An application sends something and looks at what became of it, and a user looks into the inbox. */
export function visit(): void {
  thinkAndWrite();
  thinkAndRead();
}

export function thinkAndWrite(): void {
  think();
  write();
}

export function thinkAndRead(): void {
  think();
  read();
}

/** Most are of normal priority; half leaves for a webhook where there is one. */
function notificationTo(user: string): Notification {
  const order = Math.floor(Math.random() * 1_000_000);
  return {
    to: user,
    title: `Order ${order} has shipped`,
    body: `Order ${order} is on its way and should be with you by Friday.`,
    priority: chance(0.7) ? "normal" : (["critical", "high", "low"][order % 3] ?? "normal"),
    channels: channelsOf(order),
    metadata: { order },
  };
}

/** Half is for the inbox alone, which needs no event log. Where nobody has an address, what names no channel takes that way. */
function channelsOf(order: number): string[] | undefined {
  if (order % 2 === 0) return ["inbox"];
  if (webhookUrl === "") return undefined;
  return order % 4 === 1 ? ["webhook"] : ["inbox", "webhook"];
}
