import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { failureOf } from "../../db/failure.ts";
import { valueTypes } from "./postgres-types.ts";

export interface ConnectionOptions {
  /** May carry `sslmode`. */
  url: string;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  /** Through PgBouncer in transaction mode: no prepared statements, no settings at the start. */
  pgbouncer: boolean;
  /** Called for each notification that this connection hears. */
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * A prepared statement keeps the plan that was good when it was made. Made while a partition was empty, it
 * reads the whole partition once that is full, until the next analyze: claims took 1 to 9 s each. All that is
 * asked often has an index, so the server is told to use it; and not to compile plans, which it would
 * for the cost that it then ascribes to the few that must read everything.
 */
const planning = { enable_seqscan: "off", jit: "off" };

/**
 * What a role or a database may be set to otherwise, and what all of this relies on: times as ISO 8601 writes them (with
 * "SQL, DMY" a 4th of March was read as a 3rd of April), statements that see what was committed before them (with "repeatable
 * read" an index was never built), and null in arrays.
 */
const relied = { datestyle: "ISO", default_transaction_isolation: "read committed", array_nulls: "on" };

/**
 * What is prepared keeps one plan. Left to itself, the server plans many of them anew each time: to the plan that it kept it
 * ascribes the cost of all partitions, though it skips all but one of them as it runs. A notification with its timeline took 184 µs
 * of the server in place of 93. What is built for the occasion gets the plan that fits its values.
 */
const planModes = { prepared: "force_generic_plan", built: "force_custom_plan" } as const;

export interface RunOptions {
  /** Keeps the statement prepared on the connection: one of a text. */
  prepare: boolean;
  /** Rows as arrays of their columns, instead of objects. */
  arrays: boolean;
}

/** Rows, with the command that gave them. */
export type Rows = unknown[] & { command: string };

/** One connection to a server. It is never made again: once it is lost, all that is asked of it is refused. */
export interface Connection {
  /**
   * Sends a statement behind those under way, and calls one of the two when it was answered, or the second
   * once the connection is lost.
   */
  send(
    text: string,
    params: unknown[],
    options: RunOptions,
    onRows: (rows: Rows) => void,
    onError: (error: Error) => void,
  ): void;
  /** The same as a promise. */
  run(text: string, params: unknown[], options: RunOptions): Promise<Rows>;
  /** Statements under way. */
  readonly running: number;
  /** When the oldest statement under way was sent (`performance.now()`); null where none is. */
  readonly oldestMs: number | null;
  readonly lost: boolean;
  /** Ends it: in order where nothing is under way. */
  close(): Promise<void>;
  /** Ends it at once; what is under way is rejected. */
  destroy(error: Error): void;
}

/** There is no connection, for a reason that db/failure.ts takes for "unreachable" by its code. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What `performance.now()` was a statement was sent at, and how to give it up. */
interface Pending {
  sentMs: number;
  fail: (error: Error) => void;
}

const closeTimeoutSeconds = 1;
const passing: postgres.UnsafeQueryOptions = { prepare: false };

/**
 * Opens a connection, a postgres.js client of one. That library would connect again by itself where a
 * connection is lost, and run what waits, even the rest of a transaction, on the new one: so it gets its
 * socket from here, once.
 *
 * @param onLost called once, when it is gone without having been closed by us
 * @throws Error that db/failure.ts takes for "unreachable"; the server's own is its cause
 */
export async function openConnection(
  { url, connectTimeoutMs, statementTimeoutMs, pgbouncer, onNotify }: ConnectionOptions,
  onLost: (error: Error) => void = () => {},
): Promise<Connection> {
  /** Without parameters postgres.js would take the simple protocol, which prepares nothing. */
  const preparing: postgres.UnsafeQueryOptions & { simple?: boolean } = pgbouncer
    ? passing
    : { prepare: true, simple: false };
  const pending = new Set<Pending>();
  let lost: Error | null = null;
  let closing = false;
  let connected = false;
  let socket: Socket | null = null;
  let planMode: (typeof planModes)[keyof typeof planModes] = planModes.prepared;

  const sql = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: 0,
    connect_timeout: connectTimeoutMs / 1000,
    prepare: !pgbouncer,
    fetch_types: false,
    types: valueTypes,
    transform: { undefined: null },
    onnotice: () => {},
    onnotify: onNotify,
    connection: pgbouncer
      ? { application_name: "carillon", datestyle: relied.datestyle } // PgBouncer keeps these two for each client.
      : {
          application_name: "carillon",
          ...relied,
          statement_timeout: statementTimeoutMs,
          plan_cache_mode: planMode,
          ...planning,
        },
    onclose: () => lose(new ConnectionError("CONNECTION_CLOSED", "the server closed the connection")),
    async socket({ host, port, path }: SocketPlace) {
      if (connected) throw lost ?? new ConnectionError("CONNECTION_CLOSED", "the connection was lost");
      connected = true;
      socket = await openSocket({ host, port, path }, connectTimeoutMs);
      return socket;
    },
    // Its types leave out `socket` and `onnotify`, which it takes.
  } as unknown as postgres.Options<Record<string, never>>);

  function lose(error: Error): void {
    if (lost !== null) return;
    lost = error;
    const all = [...pending];
    pending.clear();
    for (const { fail } of all) fail(error);
    if (!closing) onLost(error);
  }

  /** Goes ahead of the statement, whose answer tells all that there is to tell. */
  function planFor(kind: keyof typeof planModes): void {
    if (pgbouncer || planMode === planModes[kind]) return;
    planMode = planModes[kind];
    sql.unsafe(`set plan_cache_mode = ${planMode}`).then(undefined, () => {});
  }

  const connection: Connection = {
    send(text, params, { prepare, arrays }, onRows, onError) {
      if (lost !== null) {
        onError(lost);
        return;
      }
      const entry = { sentMs: performance.now(), fail: onError };
      pending.add(entry);
      if (params.length > 0) planFor(prepare ? "prepared" : "built");
      const query = sql.unsafe(text, params as never[], prepare ? preparing : passing);
      (arrays ? query.values() : query).then(
        (rows) => {
          if (pending.delete(entry)) onRows(rows);
        },
        (error) => {
          if (pending.delete(entry)) onError(error);
        },
      );
    },
    run: (text, params, options) =>
      new Promise((resolve, reject) => connection.send(text, params, options, resolve, reject)),
    get running() {
      return pending.size;
    },
    get oldestMs() {
      for (const { sentMs } of pending) return sentMs;
      return null;
    },
    get lost() {
      return lost !== null;
    },
    async close() {
      closing = true;
      await sql.end({ timeout: closeTimeoutSeconds });
      lose(new ConnectionError("CONNECTION_ENDED", "the connection was closed"));
    },
    destroy(error) {
      lose(error);
      socket?.destroy();
    },
  };

  const timer = setTimeout(
    () => connection.destroy(timedOut(`no answer within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  try {
    closing = true; // A connection that never was is not lost.
    await connection.run("select 1", [], { prepare: false, arrays: true });
    closing = false;
    return connection;
  } catch (error) {
    connection.destroy(error as Error);
    throw refusalOf(error as Error);
  } finally {
    clearTimeout(timer);
  }
}

/** Whatever a server says against a log-in, it cannot be used: the password, the database's name, too many connections. */
const refusalOf = (error: Error) =>
  failureOf(error) === "unreachable"
    ? error
    : new ConnectionError("CONNECT_REFUSED", `no connection could be made: ${error.message}`, {
        cause: error,
      });

const timedOut = (message: string) => new ConnectionError("CONNECT_TIMEOUT", message);

/** What postgres.js has read from the URL. */
interface SocketPlace {
  host: string[];
  port: number[];
  /** Of a Unix socket, instead of host and port. */
  path: string | false;
}

function openSocket(
  { host: [host = "localhost"], port: [port = 5432], path }: SocketPlace,
  timeoutMs: number,
) {
  return new Promise<Socket>((resolve, reject) => {
    const socket = path ? connect(path) : connect(port, host);
    const timer = setTimeout(() => fail(timedOut(`${host}:${port} does not answer`)), timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("error", fail);
      socket.setNoDelay(true);
      // Where TLS is asked for, postgres.js takes the server's name from here.
      resolve(path ? socket : Object.assign(socket, { host, port }));
    });
  });
}
