import { z } from "zod";
import { deliveryIdOf, parseDeliveryId } from "../../db/id.ts";
import { listDeliveries, replayDelivery, timelineOf } from "../../db/queries/deliveries.ts";
import { getNotification } from "../../db/queries/notifications.ts";
import { channels, type ExternalChannel } from "../channels/channel.ts";
import { ClientError } from "../errors.ts";
import { iso } from "../pipeline/time.ts";
import { pageFrom, pageReply } from "./cursor.ts";
import * as examples from "./examples.ts";
import { operation } from "./operation.ts";
import { channel, deliveryStatus, listQuery, userId } from "./schemas.ts";
import { deliveryView, viewOfDeliveries } from "./views.ts";

const isDeliveryId = (id: string) => parseDeliveryId(id) !== null;

const list = operation({
  id: "listDeliveries",
  method: "get",
  path: "/v1/deliveries",
  tag: "Deliveries",
  summary: "List deliveries, newest notifications first; with status=failed, the dead letters",
  scope: "read",
  query: z.strictObject({
    ...listQuery,
    status: deliveryStatus.optional(),
    channel: channel.optional(),
    user_id: userId.optional(),
  }),
  status: 200,
  answer: z.array(deliveryView),
  list: true,
  examples: { answer: [examples.failedDelivery] },
  errors: [],
  async handle({ app, caller, query }) {
    const page = pageFrom(query, isDeliveryId);
    const filter = {
      projectId: caller.project_id,
      userId: query.user_id,
      status: query.status,
      channel: query.channel,
    };
    const { deliveries, attempts } = await listDeliveries(app.db.orm, filter, page);
    const { rows, next, previous } = pageReply(deliveries, page, ({ notificationId, channel }) =>
      deliveryIdOf(notificationId, channel),
    );
    return { data: viewOfDeliveries({ deliveries: rows, attempts }), next, previous };
  },
});

const replay = operation({
  id: "replayDelivery",
  method: "post",
  path: "/v1/deliveries/{id}/replay",
  tag: "Deliveries",
  summary: "Send a failed delivery again",
  description: "It starts its retry schedule anew; what was tried before stays on record.",
  scope: "send",
  params: z.strictObject({ id: z.string().max(64) }),
  status: 202,
  answer: deliveryView,
  examples: { params: { id: examples.failedDelivery.id }, answer: examples.replayed },
  errors: ["delivery_not_found", "not_replayable"],
  async handle({ app, caller, params }) {
    const found = parseDeliveryId(params.id);
    const missing = new ClientError(
      "delivery_not_found",
      `No delivery ${params.id.slice(0, 64)} belongs to this key's project.`,
    );
    if (found === null || !channels.some((known) => known === found.channel)) throw missing;
    const { notificationId } = found;
    const { orm } = app.db;
    const owner = await getNotification(orm, { id: notificationId, projectId: caller.project_id });
    if (owner === undefined) throw missing;
    const nowMs = app.clock.now();
    const raised = await replayDelivery(orm, {
      projectId: caller.project_id,
      notificationId,
      channel: found.channel,
      now: iso(nowMs),
      leaseUntil: iso(nowMs + app.config.leaseMs),
    });
    const timeline = await timelineOf(orm, notificationId);
    const view = viewOfDeliveries(timeline).find(({ channel }) => channel === found.channel);
    if (view === undefined) throw missing;
    if (raised.length === 0) {
      throw new ClientError(
        "not_replayable",
        `This delivery is ${view.status}; only a failed one can be sent again.`,
      );
    }
    app.deliver.offer(found.channel as ExternalChannel, [notificationId]);
    return { data: view };
  },
});

export const deliveryOperations = [list, replay];
