import { z } from "zod";
import { deliveryIdOf, parseDeliveryId } from "../../db/id.ts";
import { replayDelivery } from "../../db/queries/deliveries.ts";
import { listDeliveries, type Timeline, timelineOf } from "../../db/queries/timelines.ts";
import { ClientError } from "../errors.ts";
import { iso } from "../pipeline/time.ts";
import { pageFrom, pageReply } from "./cursor.ts";
import { forgetDetails } from "./detail.ts";
import * as examples from "./examples.ts";
import { channel, isDeliveryId, userId } from "./fields.ts";
import { operation } from "./operation.ts";
import { deliveryParams, deliveryStatus, listQuery } from "./schemas.ts";
import { findNotification } from "./stored.ts";
import { deliveryView, viewOfDeliveries } from "./views.ts";

const list = operation({
  id: "listDeliveries",
  method: "get",
  path: "/v1/deliveries",
  tag: "Deliveries",
  summary: "List deliveries",
  description:
    "Those of the newest notifications first. With `status=failed`, the dead letters. What was archived is not listed.",
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
    const { deliveries, attempts } = await listDeliveries(app.db.replica, filter, page);
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
  params: deliveryParams,
  status: 202,
  answer: deliveryView,
  examples: { params: { id: examples.failedDelivery.id }, answer: examples.replayed },
  errors: ["delivery_not_found", "not_replayable", "archive_unavailable"],
  async handle({ app, caller, params }) {
    const found = parseDeliveryId(params.id);
    const missing = new ClientError(
      "delivery_not_found",
      `No delivery ${params.id} belongs to this key's project.`,
    );
    if (found === null) throw missing;
    const { notificationId } = found;
    const { orm } = app.db;
    const owner = await findNotification(app, { id: notificationId, projectId: caller.project_id });
    if (owner === null) throw missing;
    if (owner.archived) throw archivedError(owner, found.channel) ?? missing;
    const [raised] = await replayDelivery(orm, {
      projectId: caller.project_id,
      notificationId,
      channel: found.channel,
      now: iso(app.clock.now()),
    });
    if (raised !== undefined) await forgetDetails(app, caller.project_id, [notificationId]);
    const timeline = await timelineOf(orm, notificationId);
    const view = viewOfDeliveries(timeline).find(({ channel }) => channel === found.channel);
    if (view === undefined) throw missing;
    if (raised === undefined) {
      throw new ClientError(
        "not_replayable",
        `This delivery is ${view.status}; only a failed one can be sent again.`,
      );
    }
    app.wake();
    return { data: view };
  },
});

/** Null where there was no such delivery. */
function archivedError({ deliveries }: Timeline, channel: string): ClientError | null {
  const delivery = deliveries.find((one) => one.channel === channel);
  if (delivery === undefined) return null;
  return new ClientError(
    "not_replayable",
    `This delivery is ${delivery.status} and archived; only a failed one can be sent again.`,
  );
}

export const deliveryOperations = [list, replay];
