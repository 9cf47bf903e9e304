import { databaseContract } from "./database.contract.ts";
import { pgliteDatabase } from "./pglite-database.ts";

databaseContract("PGlite", pgliteDatabase);
