import { html } from "hono/html";
import { deliveryStates, notificationStates, reasons } from "../pipeline/state.ts";
import { anchor, type Fragment, prose, table } from "./docs-text.ts";

interface Guide {
  id: string;
  title: string;
  content: Fragment | Fragment[];
}

const curl = (text: string): Fragment => html`<pre>${text}</pre>`;

const scopeRows = [
  ["send", "Sends and cancels notifications, replays deliveries, stores profiles, marks inbox items."],
  ["read", "Reads notifications, deliveries, users and inboxes."],
  ["admin", "Everything, and alone: makes and revokes keys, erases users."],
];

const authentication: Guide = {
  id: "authentication",
  title: "Authentication",
  content: [
    ...prose(
      "Each call of the API carries a key in the header `Authorization: Bearer <key>`. The first start prints an admin key once; `POST /v1/keys` makes others. Only a hash of a key is kept.",
    ),
    curl(`export CARILLON_KEY=crl_live_…
curl -s http://localhost:3000/v1/notifications \\
  -H "Authorization: Bearer $CARILLON_KEY"`),
    table(["Scope", "What the key may do"], scopeRows),
    ...prose(
      "A key is `live` or `test`. What a test key sends walks the whole path and leaves for nobody. Test and live data never meet: neither kind of key sees the other's users or notifications.",
    ),
  ],
};

const answers: Guide = {
  id: "answers",
  title: "Requests and answers",
  content: prose(
    'Bodies are JSON in UTF-8. A success is `{"data": …}`, and a list adds `next` and `previous`. Fields and parameters that are not known are refused by name, so that a slip of the pen never passes for a wish.\n\n' +
      "Times are RFC 3339; answers give them in UTC. Ids are UUIDv7 and sort by time. Every answer names its request in `X-Request-Id`: send one of your own (up to 128 letters, digits and `.:/+=_-`), or get one of ours.\n\n" +
      "A notification is answered with `202` once it is committed, and not before: from then on it is delivered, or ends with a reason.",
  ),
};

const idempotency: Guide = {
  id: "idempotency",
  title: "Repeating a request",
  content: [
    ...prose(
      "Send an `Idempotency-Key` of your own (1 to 255 printable ASCII characters) with a notification or a bulk, and repeat the request as often as you need to: within 24 hours it has its effect once. The repetition gets the first answer, to the byte, with `Idempotency-Replayed: true`. While the first is under way it gets `409`; with another body, `422`. For some ten minutes the repetition mostly gets its answer even while the database does not answer, or has too much to do.",
    ),
    curl(`curl -s http://localhost:3000/v1/notifications \\
  -H "Authorization: Bearer $CARILLON_KEY" \\
  -H "Idempotency-Key: order-42-shipped" \\
  -H "Content-Type: application/json" \\
  -d '{"to": "user_123", "title": "Your order has shipped", "body": "It is on its way."}'`),
  ],
};

const pagination: Guide = {
  id: "pagination",
  title: "Lists",
  content: prose(
    "A list runs from new to old, `limit` items a page (50, at most 100). `next` is the cursor to older items, to be given as `after`; `previous` the one back to newer ones, to be given as `before`. Either is `null` at its end. Cursors are opaque and do not expire; what arrives meanwhile moves nothing: following `next` meets every item once.\n\nAll notifications at once, from old to new and as lines of JSON, are in `GET /v1/notifications/export`. What the service has archived stands in no list and in no export; each is still read by its id.",
  ),
};

const webhooks: Guide = {
  id: "webhooks",
  title: "Verifying webhooks",
  content: [
    ...prose(
      "The channel `webhook` posts to the user's `webhook_url`, signed by Standard Webhooks 1.0 with the service's `WEBHOOK_SECRET`: any of that standard's libraries verifies it. `webhook-id` is the same on every attempt, so that you can drop a repetition; `webhook-timestamp` is the attempt's own, in seconds.",
    ),
    curl(`import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
// The body as it came, to the byte; throws where the signature is wrong or older than five minutes.
const { type, timestamp, data } = webhook.verify(rawBody, request.headers);`),
    ...prose(
      "By hand: `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`, keyed with the bytes that are base64 after `whsec_`.",
    ),
    curl(
      JSON.stringify(
        {
          type: "notification",
          timestamp: "2026-05-12T09:30:00.390Z",
          data: {
            id: "019e1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b",
            user_id: "user_123",
            title: "Your order has shipped",
            body: "It is on its way.",
            priority: "high",
            data: null,
            metadata: { order: 42 },
            created_at: "2026-05-12T09:30:00.333Z",
          },
        },
        null,
        2,
      ),
    ),
    ...prose(
      "Answer with any 2xx. `410` says that the address is gone: this delivery is not tried again. Any other answer, and none, is; `Retry-After` is honoured.",
    ),
  ],
};

const notificationMeaning: Record<keyof typeof notificationStates, string> = {
  scheduled: "Waits for its `send_at`.",
  pending: "Accepted and stored, not planned yet.",
  processing: "Planned: at least one delivery is under way.",
  sent: "At least one channel was reached.",
  failed: "No channel was reached, and at least one delivery failed.",
  skipped: "There was nothing to send; the reason says why.",
  cancelled: "Taken back before anything was sent.",
};

const deliveryMeaning: Record<keyof typeof deliveryStates, string> = {
  queued: "Waits for its turn.",
  sending: "A provider is being asked now.",
  retrying: "An attempt failed; the next one is due later.",
  sent: "The provider took it; an inbox item is stored.",
  delivered: "The provider says that it arrived.",
  bounced: "The provider says that it came back.",
  failed: "A dead letter: no further attempt, until it is replayed.",
  skipped: "Not sent, for a reason.",
  cancelled: "Taken back before it was sent.",
};

const followers = (states: Record<string, readonly string[]>, state: string) =>
  states[state]?.map((name) => `\`${name}\``).join(", ") || "final";

const statuses: Guide = {
  id: "statuses",
  title: "Statuses and reasons",
  content: [
    ...prose("A notification is one message to one user; each of its channels has a delivery of its own."),
    table(
      ["Notification", "What it means", "What may follow"],
      Object.entries(notificationMeaning).map(([state, words]) => [
        state,
        words,
        followers(notificationStates, state),
      ]),
    ),
    table(
      ["Delivery", "What it means", "What may follow"],
      Object.entries(deliveryMeaning).map(([state, words]) => [
        state,
        words,
        followers(deliveryStates, state),
      ]),
    ),
    ...prose("What was not sent, or not by every channel, has a `reason`:"),
    table(
      ["Reason", "What it says"],
      Object.entries(reasons).map(([reason, words]) => [reason, words]),
    ),
  ],
};

/** What is to be known beyond the single calls. */
export const guides: Guide[] = [authentication, answers, idempotency, pagination, webhooks, statuses];

export const guideSection = ({ id, title, content }: Guide): Fragment => html`<section id="${id}">
<h2>${anchor(id, title)}</h2>
${content}
</section>`;
