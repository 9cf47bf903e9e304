import { is, Placeholder, type Query, sql } from "drizzle-orm";
import { type Drizzle, rowsOf, statementOf } from "./statement.ts";

interface ExplainOptions {
  /** By the names of the query's placeholders; what is left out is null. By default taken from the newest notification. */
  params?: Record<string, unknown>;
  /** Runs it, and shows what it really took. Only for what reads. */
  analyze?: boolean;
}

/** There is no query of that name. */
export class UnknownQueryError extends Error {
  override readonly name = "UnknownQueryError";
}

/** The query writes, and so is not run for the sake of its plan. */
export class WritingQueryError extends Error {
  override readonly name = "WritingQueryError";
}

const writing = /\b(insert|update|delete)\b/i;

/**
 * The guide's `explainQuery`: how the database would find the rows of a named query, a line of text each. It
 * shows the plan that the prepared statement settles on after some runs, whatever its parameters are: these only
 * say which partitions are read. Nothing is changed.
 *
 * @throws UnknownQueryError, WritingQueryError
 */
export async function explainQuery(
  db: Drizzle,
  name: string,
  { params, analyze = false }: ExplainOptions = {},
): Promise<string[]> {
  const query = statementOf(name);
  if (query === undefined) throw new UnknownQueryError(`there is no query called ${name}`);
  if (analyze && writing.test(query.sql)) throw new WritingQueryError(`${name} writes`);
  const given = params ?? (await sampleParams(db, query));
  const values = placeholdersOf(query).map((placeholder) => literal(given[placeholder]));
  explained += 1;
  const statement = `carillon_explain_${explained}`;
  const call = values.length === 0 ? "" : `(${values.join(", ")})`;
  const rows = await rolledBack(db, async (tx) => {
    await tx.execute(sql`set local plan_cache_mode = force_generic_plan`);
    await tx.execute(sql.raw(`prepare ${statement} as ${query.sql}`));
    try {
      const options = analyze ? "(analyze, buffers)" : "(costs)";
      return rowsOf<Record<string, string>>(
        await tx.execute(sql.raw(`explain ${options} execute ${statement}${call}`)),
      );
    } finally {
      // It belongs to the connection, not to the transaction. Where that was aborted it stays, under a name used once.
      await tx.execute(sql.raw(`deallocate ${statement}`)).catch(() => {});
    }
  });
  return rows.map((row) => Object.values(row)[0] ?? "");
}

let explained = 0;

/** The names of a query's parameters, in their order; a fixed one is called by its value. */
const placeholdersOf = ({ params }: Query): string[] =>
  params.map((param) => (is(param, Placeholder) ? param.name : String(param)));

/** What a placeholder of a name may stand for, taken from the newest notification there is. */
async function sampleParams(db: Drizzle, query: Query): Promise<Record<string, unknown>> {
  const [row] = rowsOf<{ id: string; project_id: string; user_id: string; hash: string | null }>(
    await db.execute(sql`
      select n.id, n.project_id, n.user_id, (select hash from keys limit 1) as hash
      from notifications n order by n.id desc limit 1`),
  );
  const now = new Date().toISOString();
  const known: Record<string, unknown> = {
    id: query.sql.includes(`"users"`) ? row?.user_id : row?.id,
    notificationId: row?.id,
    cursor: row?.id,
    from: row?.id,
    to: "ffffffff-ffff-ffff-ffff-ffffffffffff",
    deliveryNotificationIds: [row?.id],
    deliveryChannels: ["inbox"],
    statuses: ["sent"],
    first: row?.id,
    last: row?.id,
    projectId: row?.project_id,
    userId: row?.user_id,
    hash: row?.hash,
    ids: query.sql.includes("join users") ? [row?.user_id] : [row?.id],
    notificationIds: [row?.id],
    projectIds: [row?.project_id],
    channel: "inbox",
    channels: ["inbox"],
    priority: "normal",
    priorities: ["normal"],
    limit: 20,
    archived: false,
    unreadOnly: false,
    now,
    expiredBefore: now,
  };
  return Object.fromEntries(placeholdersOf(query).map((placeholder) => [placeholder, known[placeholder]]));
}

/** EXECUTE takes no parameters of the protocol, only literals. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "null";
  const text = Array.isArray(value)
    ? `{${value.map((one) => (one == null ? "null" : JSON.stringify(String(one)))).join(",")}}`
    : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}

class RolledBack extends Error {}

async function rolledBack<T>(db: Drizzle, work: (tx: Drizzle) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  try {
    await db.transaction(async (tx) => {
      result = { value: await work(tx) };
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  if (result === undefined) throw new Error("the transaction did not run");
  return result.value;
}
