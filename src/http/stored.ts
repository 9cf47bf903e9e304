import { idTimeMs } from "../../db/id.ts";
import { dayMs } from "../../db/periods.ts";
import type { NotificationRows } from "../../db/queries/archive.ts";
import { getNotification } from "../../db/queries/notifications.ts";
import { timelineOf } from "../../db/queries/timelines.ts";
import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { type Archive, ArchiveUnavailable } from "../ports.ts";

/** A notification with its timeline, from wherever it is kept. */
export interface Stored extends NotificationRows {
  /** It has left the database: it is read, and no more than that. */
  archived: boolean;
}

type Where = { projectId: string; id: string };

/** @throws ClientError where the archive has to be asked, and does not answer */
export async function findNotification(app: App, where: Where): Promise<Stored | null> {
  const kept = await inDatabase(app, where);
  if (kept !== null) return { ...kept, archived: false };
  const found = await fromArchive(app, null, (archive) => archive.get(where));
  return found && { ...found, archived: true };
}

async function inDatabase(
  { db, archive, clock, config }: App,
  where: Where,
): Promise<NotificationRows | null> {
  const row = await getNotification(db.orm, where);
  if (row === undefined) return null;
  const timeline = await timelineOf(db.orm, where.id);
  // One that is old enough may have left between the two reads, and its timeline with it.
  const old = idTimeMs(where.id) < clock.now() - config.archiveAfterDays * dayMs;
  const left = archive !== null && old && (await getNotification(db.orm, where)) === undefined;
  return left ? null : { notification: row, ...timeline };
}

/** What the archive gives, or `otherwise` where there is none. */
export async function fromArchive<T>(
  { archive }: Pick<App, "archive">,
  otherwise: T,
  ask: (archive: Archive) => Promise<T>,
): Promise<T> {
  if (archive === null) return otherwise;
  try {
    return await ask(archive);
  } catch (error) {
    if (!(error instanceof ArchiveUnavailable)) throw error;
    throw new ClientError(
      "archive_unavailable",
      "What is older is in the archive, which does not answer now. Repeat the request in a moment.",
      { cause: error, headers: { "retry-after": "5" } },
    );
  }
}
