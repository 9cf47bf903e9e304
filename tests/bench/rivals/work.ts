/** Delivers a rival's jobs by the very request that Carillon makes of them; a process of its own. */
import { deliveryIdOf } from "../../../db/id.ts";
import { webhookRequest } from "../../../src/channels/webhook.ts";
import { webhookSecret } from "../bodies.ts";
import { type RivalName, rivals } from "./all.ts";
import type { Job, Place } from "./rival.ts";

export interface WorkOptions {
  rival: RivalName;
  place: Place;
}

async function deliver({ id, url, userId, title, body, data, metadata, createdAtMs }: Job): Promise<void> {
  const { headers, body: text } = webhookRequest(
    {
      deliveryId: deliveryIdOf(id, "webhook"),
      notificationId: id,
      projectId: "bench",
      channel: "webhook",
      user: {
        id: userId,
        webhookUrl: url,
        email: null,
        phone: null,
        name: null,
        locale: null,
        timezone: null,
      },
      title,
      body,
      priority: "normal",
      data,
      metadata,
      createdAt: new Date(createdAtMs),
      trace: null,
    },
    { secret: webhookSecret, now: new Date() },
  );
  const answer = await fetch(url, { method: "POST", headers, body: text });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the receiver answered ${answer.status}`);
}

const { rival, place }: WorkOptions = JSON.parse(process.argv[2] ?? "{}");
await rivals[rival].work(place, deliver);
console.log("ready");
