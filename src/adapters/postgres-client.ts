import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql } from "postgres";
import type { Drizzle } from "../../db/statement.ts";
import type { Connection, Rows, RunOptions } from "./postgres-connection.ts";
import type { Pool } from "./postgres-pool.ts";

/** The rows of a statement once they are awaited, or as arrays by way of `values()`: it is sent only then. */
interface Statement extends PromiseLike<Rows> {
  values(): Promise<Rows>;
}

/** The part of postgres.js's interface that Drizzle uses. */
export interface DrizzleClient {
  unsafe(text: string, params?: unknown[], options?: { prepare?: boolean }): Statement;
  begin<T>(work: (tx: TransactionClient) => Promise<T>): Promise<T>;
  /** Drizzle writes its own readers and writers of times in here; ours stand in postgres-types.ts. */
  options: { parsers: Record<string, unknown>; serializers: Record<string, unknown> };
}

export interface TransactionClient extends Omit<DrizzleClient, "begin"> {
  savepoint<T>(work: (tx: TransactionClient) => Promise<T>): Promise<T>;
}

/** Drizzle takes what it uses of postgres.js's client for all of it. */
export const ormOf = (client: DrizzleClient | TransactionClient): Drizzle =>
  drizzle({ client: client as unknown as Sql });

/** Sends a statement of a text. */
type Run = (text: string, params: unknown[], options: RunOptions) => Promise<Rows>;

const options = () => ({ parsers: {}, serializers: {} });

/**
 * The driver would tell the server a type by the first value it sees, so that one text would be prepared
 * once a combination of types: as text, each is what the statement says.
 */
function bound(params: unknown[]): unknown[] {
  for (let index = 0; index < params.length; index += 1) {
    const value = params[index];
    if (typeof value === "boolean") params[index] = value ? "t" : "f";
    else if (typeof value === "bigint") params[index] = String(value);
    else if (value instanceof Date) params[index] = value.toISOString();
  }
  return params;
}

const unsafeBy =
  (run: Run): DrizzleClient["unsafe"] =>
  (text, params = [], { prepare = false } = {}) => ({
    // biome-ignore lint/suspicious/noThenProperty: Drizzle awaits what it gets, as it does postgres.js's query
    then: (resolve, reject) => run(text, bound(params), { prepare, arrays: false }).then(resolve, reject),
    values: () => run(text, bound(params), { prepare, arrays: true }),
  });

/** Drizzle's client over a pool: single statements on whichever connection is free, a transaction on its own. */
export function clientOf(pool: Pool, run: Run = pool.run): DrizzleClient {
  return {
    unsafe: unsafeBy(run),
    begin: (work) => inTransaction(pool, work),
    options: options(),
  };
}

/** Said each time, since PgBouncer takes no such setting for a whole connection. */
const beginning = "begin isolation level read committed";

const simple: RunOptions = { prepare: false, arrays: false };

/** A transaction under way, on a connection that nobody else has. */
export interface OpenTransaction {
  client: TransactionClient;
  /** Commits, unless `keep` is false. Gives the connection back, or away where it cannot be trusted. */
  end(keep: boolean): Promise<void>;
}

/**
 * Begins without awaiting the answer: the first statement goes along with it, which saves a round trip.
 */
export async function beginOn(pool: Pool, begin = beginning): Promise<OpenTransaction> {
  const connection = await pool.lease();
  const begun = connection.run(begin, [], simple);
  begun.catch(() => {}); // Then so does the commit.
  let failure: unknown = null;
  let over = false;

  const run: Run = (text, params, options) => {
    if (over) return Promise.reject(new Error("the transaction is over"));
    const startedMs = performance.now();
    const ended = () => pool.answered(text, performance.now() - startedMs);
    return new Promise((resolve, reject) =>
      connection.send(
        text,
        params,
        options,
        (rows) => {
          ended();
          resolve(rows);
        },
        (error) => {
          ended();
          pool.failed(error);
          failure ??= error;
          reject(error);
        },
      ),
    );
  };

  async function finish(keep: boolean): Promise<void> {
    over = true;
    if (!keep) {
      await connection.run("rollback", [], simple);
      return;
    }
    await begun;
    const startedMs = performance.now();
    const { command } = await connection
      .run("commit", [], simple)
      .finally(() => pool.answered("commit", performance.now() - startedMs));
    // A statement failed, and `work` went on as if it had not: the server takes all of it back.
    if (command !== "COMMIT") throw failure ?? new Error("the server rolled the transaction back");
  }

  return {
    client: transactionClient(run, () => {
      failure = null;
    }),
    async end(keep) {
      try {
        await finish(keep);
      } catch (error) {
        if (isOpen(connection)) await discardTransaction(connection);
        throw error;
      } finally {
        pool.release(connection);
      }
    },
  };
}

const isOpen = (connection: Connection) => !connection.lost;

async function discardTransaction(connection: Connection): Promise<void> {
  try {
    await connection.run("rollback", [], simple);
  } catch (error) {
    connection.destroy(error as Error);
  }
}

async function inTransaction<T>(pool: Pool, work: (tx: TransactionClient) => Promise<T>): Promise<T> {
  const { client, end } = await beginOn(pool);
  let result: T;
  try {
    result = await work(client);
  } catch (error) {
    await end(false).catch(() => {}); // The first error says more, and the server rolls back in any case.
    throw error;
  }
  await end(true);
  return result;
}

function transactionClient(run: Run, forgive: () => void): TransactionClient {
  let savepoints = 0;
  const client: TransactionClient = {
    unsafe: unsafeBy(run),
    async savepoint(work) {
      savepoints += 1;
      const name = `carillon_${savepoints}`;
      await run(`savepoint ${name}`, [], simple);
      try {
        const result = await work(client);
        await run(`release savepoint ${name}`, [], simple);
        return result;
      } catch (error) {
        await run(`rollback to savepoint ${name}`, [], simple);
        forgive();
        throw error;
      }
    },
    options: options(),
  };
  return client;
}
