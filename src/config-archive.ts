import { z } from "zod";
import { integer, setting } from "./config-setting.ts";

/** More than `URL` reads: a replica set's address names several hosts, `mongodb://a:27017,b:27017/carillon`. */
const mongodbUrl = z
  .string()
  .regex(
    /^mongodb(\+srv)?:\/\/[^/\s]+(\/\S*)?$/,
    "is not a URL that starts with mongodb:// or mongodb+srv://",
  );

/** MongoDB, for what has left the hot tables. The pool's figures are the guide's. */
export const archiveSettings = {
  mongodbUrl: setting({
    name: "MONGODB_URL",
    default: null,
    unit: "URL",
    sentence: "Where closed notifications go after ARCHIVE_AFTER_DAYS; without it they stay in the database.",
    schema: mongodbUrl,
    secret: true,
  }),
  archiveAfterDays: setting({
    name: "ARCHIVE_AFTER_DAYS",
    default: "7",
    unit: "days",
    sentence: "After how many days a closed notification leaves the database for MongoDB, where that is set.",
    schema: integer(1, 3650),
  }),
  mongodbPoolMax: setting({
    name: "MONGODB_POOL_MAX",
    default: "20",
    unit: "connections",
    sentence: "How many connections to MongoDB are opened at most.",
    schema: integer(1, 1000),
  }),
  mongodbPoolMin: setting({
    name: "MONGODB_POOL_MIN",
    default: "5",
    unit: "connections",
    sentence: "How many of them are kept open though nothing uses them.",
    schema: integer(0, 1000),
  }),
  mongodbIdleTimeoutMs: setting({
    name: "MONGODB_IDLE_TIMEOUT_MS",
    default: "30000",
    unit: "ms",
    sentence: "After how long an unused connection beyond that is closed.",
    schema: integer(100, 3_600_000),
  }),
};
