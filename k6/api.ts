/** The calls of the API that the scenarios make: each looks at what it was answered, not only at the status. */
import { check, fail } from "k6";
import http, { type RefinedResponse } from "k6/http";
import { Rate } from "k6/metrics";

/** The service, without a slash at the end. */
const baseUrl = __ENV.BASE_URL || "http://127.0.0.1:3000";
/** A live key with the scopes send and read. */
const apiKey = __ENV.API_KEY || "";
const everyHeader = {
  authorization: `Bearer ${apiKey}`,
  "content-type": "application/json",
  "accept-encoding": "gzip",
};

/** Of all requests: refused, not answered, or answered with something else than was asked for. */
const errors = new Rate("errors");

export interface Notification {
  to: string;
  title: string;
  body: string;
  priority: string;
  channels: string[] | undefined;
  metadata: Record<string, number>;
}

interface Item {
  id: string;
  read_at: string | null;
}

type Answer = RefinedResponse<"text">;
// biome-ignore lint/suspicious/noExplicitAny: what is answered is what the checks find out
type Data = any;
type Checks = Record<string, (data: Data) => boolean>;

interface Call {
  /** What it is counted as: paths have ids in them. */
  name: string;
  method?: "GET" | "POST" | "PUT" | "PATCH";
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  status?: number;
  checks: Checks;
}

/** Null where something is wrong with the answer, else its `data`. */
function call({ name, method = "GET", path, body, headers = {}, status = 200, checks }: Call): Data | null {
  const answer = http.request(method, baseUrl + path, body === undefined ? null : JSON.stringify(body), {
    headers: { ...everyHeader, ...headers },
    tags: { name },
  });
  const data = dataOf(answer);
  const all: Checks = { "has the status it should": () => answer.status === status, ...checks };
  // A check that finds something of another shape than it looks for throws: the answer is wrong, the run goes on.
  const sound = Object.fromEntries(
    Object.entries(all).map(([says, holds]) => [`${name}: ${says}`, () => holdsOf(holds, data)]),
  );
  const right = check(answer, sound);
  errors.add(!right, { name });
  return right ? data : null;
}

function dataOf(answer: Answer): Data {
  try {
    return (JSON.parse(answer.body ?? "null") as { data?: unknown } | null)?.data ?? null;
  } catch {
    return null;
  }
}

function holdsOf(holds: (data: Data) => boolean, data: Data): boolean {
  try {
    return holds(data);
  } catch {
    return false;
  }
}

/** Ends the run where there is nothing to measure: no service, or a key that it does not take. */
export function requireService(): void {
  if (apiKey === "")
    fail("API_KEY is not set: a key of the service at BASE_URL with the scopes send and read");
  const answer = http.get(`${baseUrl}/v1/notifications?limit=1`, {
    headers: everyHeader,
    tags: { name: "requireService" },
  });
  if (answer.status !== 200) fail(`${baseUrl} answered ${answer.status}: ${answer.error || answer.body}`);
}

export function saveUser(user: string, profile: Record<string, string>): void {
  call({
    name: "PUT /v1/users/{id}",
    method: "PUT",
    path: `/v1/users/${user}`,
    body: profile,
    checks: { "is the profile": ({ id, name }) => id === user && name === profile.name },
  });
}

export function readUser(user: string): void {
  call({
    name: "GET /v1/users/{id}",
    path: `/v1/users/${user}`,
    checks: { "is that user": ({ id }) => id === user },
  });
}

interface Repeatable {
  idempotencyKey: string;
  /** What the first request with this key was answered, if this is another one. */
  earlierId?: string;
}

/** Gives its id. */
export function send(notification: Notification, repeatable?: Repeatable): string | null {
  const { idempotencyKey, earlierId } = repeatable ?? {};
  const data = call({
    name: "POST /v1/notifications",
    method: "POST",
    path: "/v1/notifications",
    body: notification,
    ...(idempotencyKey === undefined ? {} : { headers: { "idempotency-key": idempotencyKey } }),
    status: 202,
    checks: {
      "is that notification": ({ id, user_id, priority }) =>
        id.length === 36 && user_id === notification.to && priority === notification.priority,
      ...(earlierId !== undefined && { "is the same as before": ({ id }: Data) => id === earlierId }),
    },
  });
  return data?.id ?? null;
}

export function sendBulk(notifications: Notification[]): void {
  call({
    name: "POST /v1/notifications/bulk",
    method: "POST",
    path: "/v1/notifications/bulk",
    body: { notifications },
    status: 202,
    checks: {
      "has taken each": (items: { id?: string }[]) =>
        items.length === notifications.length && items.every(({ id }) => id?.length === 36),
    },
  });
}

/** With its deliveries and their attempts: the timeline. */
export function readNotification(id: string, { to, title }: Notification): void {
  call({
    name: "GET /v1/notifications/{id}",
    path: `/v1/notifications/${id}`,
    checks: {
      "is that notification": (found) => found.id === id && found.user_id === to && found.title === title,
      "says of each delivery what became of it": ({ deliveries }) =>
        deliveries.every(
          ({ status, attempts }: { status: string; attempts: unknown[] }) =>
            status !== "sent" || attempts.length > 0,
        ),
    },
  });
}

const page = 20;

export function listNotifications(): void {
  call({
    name: "GET /v1/notifications",
    path: `/v1/notifications?limit=${page}`,
    checks: { "is a page, newest first": isPage },
  });
}

export function listOfUser(user: string): void {
  call({
    name: "GET /v1/users/{id}/notifications",
    path: `/v1/users/${user}/notifications?limit=${page}`,
    checks: {
      "is a page, newest first": isPage,
      "is that user's": (rows: { user_id: string }[]) => rows.every(({ user_id }) => user_id === user),
    },
  });
}

/** Gives what is not read yet. */
export function readInbox(user: string): string[] {
  const items: Item[] | null = call({
    name: "GET /v1/users/{id}/inbox",
    path: `/v1/users/${user}/inbox?limit=${page}`,
    checks: { "is a page, newest first": isPage },
  });
  return (items ?? []).filter(({ read_at }) => read_at === null).map(({ id }) => id);
}

/** Ids are in the order of their times. */
function isPage(rows: { id: string }[]): boolean {
  return (
    rows.length <= page && rows.every(({ id }, index) => index === 0 || id < (rows[index - 1]?.id ?? ""))
  );
}

export function countInbox(user: string): void {
  call({
    name: "GET /v1/users/{id}/inbox/count",
    path: `/v1/users/${user}/inbox/count`,
    checks: { "adds up": ({ total, unseen, unread }) => total >= unread && unread >= unseen && unseen >= 0 },
  });
}

export function markRead(user: string, id: string): void {
  call({
    name: "PATCH /v1/users/{id}/inbox/{notification_id}",
    method: "PATCH",
    path: `/v1/users/${user}/inbox/${id}`,
    body: { read: true },
    checks: { "is read": (item: Item) => item.id === id && item.read_at !== null },
  });
}
