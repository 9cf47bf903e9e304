import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { testDatabase } from "../databases.ts";
import { databaseContract } from "./database.contract.ts";
import { type SharedDatabase, sharedDatabaseContract } from "./database-shared.contract.ts";
import { postgresOptions, quiet } from "./postgres-options.ts";

databaseContract("PostgreSQL", open);
sharedDatabaseContract("PostgreSQL", open);

async function open(): Promise<SharedDatabase> {
  const own = await testDatabase();
  const connect = () => openPostgresDatabase(postgresOptions(own.url), quiet);
  let db = await connect();
  return {
    get db() {
      return db;
    },
    another: connect,
    async reopen() {
      await db.close();
      db = await connect();
    },
    async [Symbol.asyncDispose]() {
      await db.close();
      await own[Symbol.asyncDispose]();
    },
  };
}
