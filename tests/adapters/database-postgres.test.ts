import { openPostgresDatabase } from "../../src/adapters/database-postgres.ts";
import { testDatabase } from "../databases.ts";
import { databaseContract, type TestDatabase } from "./database.contract.ts";
import { postgresOptions, quiet } from "./postgres-options.ts";

databaseContract("PostgreSQL", { shared: true }, async (): Promise<TestDatabase> => {
  const own = await testDatabase();
  const open = () => openPostgresDatabase(postgresOptions(own.url), quiet);
  let db = await open();
  return {
    get db() {
      return db;
    },
    another: open,
    async reopen() {
      await db.close();
      db = await open();
    },
    async [Symbol.asyncDispose]() {
      await db.close();
      await own[Symbol.asyncDispose]();
    },
  };
});
