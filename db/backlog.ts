import { sql } from "drizzle-orm";
import { unlessTaken, waitBriefly } from "./lock-wait.ts";
import { type Drizzle, rowsOf } from "./statement.ts";

/** What waits in the tables, and what came to nothing. */
export interface Backlog {
  /** For how long what waits longest for its turn has waited. */
  overdueSeconds: number;
  /** Whose deliveries wait in a process or for one, of as many as are read; the project with the most comes first. */
  waiting: { project: string; kind: string; rows: number }[];
  /** How many projects there are at all. */
  projects: number;
  /** Failed deliveries that can be replayed, by channel; counted so far as they are read. */
  deadLetters: { channel: string; rows: number }[];
  /** Whether rows lie where there was no partition for their time. */
  strays: boolean;
}

/** Rows that are read to tell whose they are: what is beyond them changes the answer little. */
const waitingMax = 10_000;
const deadLettersMax = 100_000;

/** Null where somebody holds one of the tables: it is not waited for. */
export function readBacklog(db: Drizzle, now: string): Promise<Backlog | null> {
  return unlessTaken(
    db.transaction(async (tx) => {
      await waitBriefly(tx);
      return {
        overdueSeconds: await overdueSeconds(tx, now),
        waiting: await waitingByProject(tx, now),
        projects: await projectCount(tx),
        deadLetters: await deadLettersByChannel(tx),
        strays: await anyStrays(tx),
      };
    }),
  );
}

async function overdueSeconds(db: Drizzle, now: string): Promise<number> {
  const [row] = rowsOf<{ seconds: number | null }>(
    await db.execute(sql`
      select extract(epoch from ${now}::timestamptz - min(at))::float8 as seconds from due
      where at <= ${now}::timestamptz`),
  );
  return row?.seconds ?? 0;
}

async function waitingByProject(db: Drizzle, now: string): Promise<Backlog["waiting"]> {
  return rowsOf(
    await db.execute(sql`
      with waiting as (
        select notification_id from due where (leased or at <= ${now}::timestamptz) and channel <> ''
        limit ${waitingMax}::int
      )
      select p.name as project, p.kind, count(*)::int as rows
      from waiting join notifications n on n.id = waiting.notification_id
        and n.id between (select notification_id from waiting order by 1 limit 1)
          and (select notification_id from waiting order by 1 desc limit 1)
      join projects p on p.id = n.project_id
      group by p.name, p.kind order by 3 desc`),
  );
}

async function projectCount(db: Drizzle): Promise<number> {
  const [row] = rowsOf<{ projects: number }>(
    await db.execute(sql`select count(distinct name)::int as projects from projects`),
  );
  return row?.projects ?? 0;
}

async function deadLettersByChannel(db: Drizzle): Promise<Backlog["deadLetters"]> {
  return rowsOf(
    await db.execute(sql`
      select channel, count(*)::int as rows
      from (select channel from dead_letters limit ${deadLettersMax}::int) counted
      group by channel order by 2 desc`),
  );
}

async function anyStrays(db: Drizzle): Promise<boolean> {
  const [row] = rowsOf<{ strays: boolean }>(
    await db.execute(sql`
      select exists (select from notifications_default) or exists (select from deliveries_default)
        or exists (select from attempts_default) as strays`),
  );
  return row?.strays ?? false;
}
