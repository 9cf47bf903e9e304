/** Databases on the shared PostgreSQL server, one a test: files run side by side and share nothing. */
import postgres from "postgres";
import { newId } from "../db/id.ts";

export interface OwnDatabase extends AsyncDisposable {
  /** Of an empty database; whoever has it may do everything in it. */
  readonly url: string;
}

/**
 * A new, empty database. Disposing of it drops it, whoever is still connected.
 *
 * @param server the server's URL, by default the shared one that `bun run test` brings up
 * @throws Error where there is no server, which says how to have one
 */
export async function testDatabase(server = sharedServer()): Promise<OwnDatabase> {
  const name = `carillon_test_${newId(Date.now()).replaceAll("-", "").slice(-20)}`;
  await onServer(server, async (sql) => sql.unsafe(`create database ${name} ${await languageOrder(sql)}`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await onServer(server, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
    },
  };
}

/**
 * Text in the order of a language, as most servers have it that people run: the shared one has the order of bytes, in which what
 * relies on it would pass. A server without ICU makes what it has.
 */
async function languageOrder(sql: postgres.Sql): Promise<string> {
  const [found] = await sql<{ can: boolean }[]>`
    select exists (select from pg_collation where collprovider = 'i') as can`;
  return found?.can ? "template template0 locale_provider icu icu_locale 'en-US'" : "";
}

/** The URL of the shared PostgreSQL server. */
export function sharedServer(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return url;
  throw new Error(
    "TEST_DATABASE_URL is not set: run the tests by `bun run test`, or bring the servers up with `bun run services up`.",
  );
}

/** Runs something on a connection of its own, and closes it. */
export async function onServer<T>(url: string, use: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
