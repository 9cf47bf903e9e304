import { integer, oneOf, setting, text, urlOf } from "./config-setting.ts";

const redisUrl = urlOf("redis:", "rediss:");

const requestsPerMinute = integer(0, 100_000_000);

/** Redis, instead of this process's memory. The times to live are the guide's. */
export const cacheSettings = {
  redisUrl: setting({
    name: "REDIS_URL",
    default: null,
    unit: "URL",
    sentence:
      "A Redis server (6.2 or newer), as redis://user:password@host:6379/0, or rediss:// for TLS; ?cluster=1 for a cluster, ?ca=<path> for an authority of your own in PEM.",
    schema: redisUrl,
    secret: true,
  }),
  redisReplicaUrl: setting({
    name: "REDIS_REPLICA_URL",
    default: null,
    unit: "URL",
    sentence: "A replica of it that reads may go to; while it does not answer, they go to REDIS_URL.",
    schema: redisUrl,
    secret: true,
  }),
  redisPrefix: setting({
    name: "REDIS_PREFIX",
    default: "carillon:",
    unit: "text",
    sentence: "What every key in Redis begins with.",
    schema: text,
  }),
  redisTimeoutMs: setting({
    name: "REDIS_TIMEOUT_MS",
    default: "250",
    unit: "ms",
    sentence: "How long Redis may take to answer before the work goes on without it.",
    schema: integer(10, 60_000),
  }),
  redisPoolMin: setting({
    name: "REDIS_POOL_MIN",
    default: "2",
    unit: "connections",
    sentence: "Connections kept open for commands that must not share one.",
    schema: integer(0, 100),
  }),
  redisPoolMax: setting({
    name: "REDIS_POOL_MAX",
    default: "10",
    unit: "connections",
    sentence: "How many of them there are at most.",
    schema: integer(1, 100),
  }),
  cacheTtlSeconds: setting({
    name: "CACHE_TTL_SECONDS",
    default: "3600",
    unit: "s",
    sentence: "How long what has no setting of its own is cached, an API key at most 60 s; each time ±10 %.",
    schema: integer(1, 604_800),
  }),
  cacheNotificationTtlSeconds: setting({
    name: "CACHE_NOTIFICATION_TTL_SECONDS",
    default: "7200",
    unit: "s",
    sentence: "How long a closed notification is cached for those who read it.",
    schema: integer(1, 604_800),
  }),
  cachePreferencesTtlSeconds: setting({
    name: "CACHE_PREFERENCES_TTL_SECONDS",
    default: "86400",
    unit: "s",
    sentence: "How long a user's profile is cached.",
    schema: integer(1, 604_800),
  }),
  rateLimitPerMinute: setting({
    name: "RATE_LIMIT_PER_MINUTE",
    default: "60000",
    unit: "requests",
    sentence:
      "How many requests of one class (sending, reading, changing) an API key may make in any minute; 0 for no limit.",
    schema: requestsPerMinute,
  }),
  rateLimitSendPerMinute: setting({
    name: "RATE_LIMIT_SEND_PER_MINUTE",
    default: null,
    unit: "requests",
    sentence:
      "The same for requests that send notifications, in place of RATE_LIMIT_PER_MINUTE; a bulk request counts once.",
    schema: requestsPerMinute,
  }),
  rateLimitReadPerMinute: setting({
    name: "RATE_LIMIT_READ_PER_MINUTE",
    default: null,
    unit: "requests",
    sentence: "The same for requests that read.",
    schema: requestsPerMinute,
  }),
  rateLimitChangePerMinute: setting({
    name: "RATE_LIMIT_CHANGE_PER_MINUTE",
    default: null,
    unit: "requests",
    sentence: "The same for all others: users, marks in the inbox, keys, cancelling.",
    schema: requestsPerMinute,
  }),
  rateLimitFail: setting({
    name: "RATE_LIMIT_FAIL",
    default: "open",
    unit: "open or closed",
    sentence: "While Redis does not answer: let every request pass (open), or refuse them with 503 (closed).",
    schema: oneOf("open", "closed"),
  }),
};
