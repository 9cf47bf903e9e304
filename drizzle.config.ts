import { defineConfig } from "drizzle-kit";

/** For drizzle-kit's studio and checks. Migrations are written by hand: it knows no partitions. */
export default defineConfig({
  dialect: "postgresql",
  schema: "./db/schema.ts",
  out: "./db/migrations",
});
