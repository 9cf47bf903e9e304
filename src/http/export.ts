import { z } from "zod";
import { type ExportRow, exportNotifications, notificationOf } from "../../db/queries/export.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import * as examples from "./examples.ts";
import { userId } from "./fields.ts";
import { ndjsonOf, ndjsonType } from "./ndjson.ts";
import { filterFrom, notificationFilters } from "./notification-filters.ts";
import { operation } from "./operation.ts";
import { notificationView, viewOfNotification } from "./views.ts";

/** Notifications that are in memory at once, an export. */
const batchRows = 200;
/** Exports at the same time, a process: each holds a connection to a database server until its reader is done. */
const exportsMax = 4;
/** How long an export may take: while its transaction on a server is open, no partition is dropped and no dead row reclaimed. */
const exportMaxMs = 3_600_000;
const running = new WeakMap<App, number>();
const runningIn = (app: App) => running.get(app) ?? 0;

const download = operation({
  id: "exportNotifications",
  method: "get",
  path: "/v1/notifications/export",
  tag: "Notifications",
  summary: "Export notifications, oldest first, one a line",
  description: `All that the filters let through when the export began, each line a \`Notification\`, and nothing that was accepted later. One that changes under way (its status, its erasure) is shown as it was or as it has become, and left out where the filters do not let that through. It is sent as fast as it is read. One that fails under way cuts the connection, which HTTP clients report as an error (curl: 18 or 56): what was read until then is not all there is. So does one that is not read within an hour. Up to ${exportsMax} run at the same time. What was archived is not exported.`,
  scope: "read",
  query: z.strictObject({ ...notificationFilters, user_id: userId.optional() }),
  status: 200,
  answer: notificationView,
  stream: ndjsonType,
  examples: { answer: examples.sent },
  errors: ["too_many_exports"],
  async handle({ app, caller, query }) {
    if (runningIn(app) >= exportsMax) {
      throw new ClientError(
        "too_many_exports",
        `${exportsMax} exports are running. Repeat the request when one of them has ended.`,
        { headers: { "retry-after": "10" } },
      );
    }
    const rows = app.db.cursorQuery<ExportRow>(
      exportNotifications(filterFrom(caller, query.user_id, query)),
      "id",
      batchRows,
      "exportNotifications",
    );
    const body = ndjsonOf(viewsOf(rows), {
      maxMs: exportMaxMs,
      onStart: () => running.set(app, runningIn(app) + 1),
      onEnd: () => running.set(app, runningIn(app) - 1),
      onError: (error) => app.telemetry.failed("http", error, { path: download.path }),
    });
    return new Response(body, {
      headers: {
        "content-type": ndjsonType,
        "content-disposition": 'attachment; filename="notifications.ndjson"',
        "cache-control": "private, no-store",
      },
    });
  },
});

async function* viewsOf(batches: AsyncIterable<ExportRow[]>) {
  for await (const rows of batches) yield rows.map((row) => viewOfNotification(notificationOf(row)));
}

export const exportOperations = [download];
