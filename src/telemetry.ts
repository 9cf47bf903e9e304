import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";
import { type Channel, type OutcomeKind, type Priority, priorities } from "./channels/channel.ts";
import { createHistogram } from "./telemetry-histogram.ts";
import { createLogging, type Fields, type Level, type Write, wordsOfError } from "./telemetry-logging.ts";
import { ofProcess, watchEventLoop } from "./telemetry-process.ts";
import { type AnswerFacts, createWideLines, type PlanFacts, type RequestFacts } from "./telemetry-wide.ts";

/**
 * What happened → its log line and its metrics. The rest of the code names events; how they are worded and
 * counted stands here alone. Labels are bounded: routes, channels, priorities, outcomes, stages; never ids.
 */

const stages = [
  "accept",
  "dispatch",
  "deliver",
  "record",
  "sweep",
  "archive",
  "http",
  "start",
  "stop",
] as const;
export type Stage = (typeof stages)[number];

export type Telemetry = ReturnType<typeof createTelemetry>;

/** How a request's or a stage's time spreads, in seconds. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const acceptToSentBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600, 14_400, 43_200,
];
const rowsBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000];

interface Options {
  level: Level;
  /** The share of requests, notifications and attempts that went well and are written, 0 to 1. */
  sample?: number;
  write?: Write;
}

export function createTelemetry({ level, sample = 1, write = console.error }: Options) {
  const registry = new Registry();
  const registers = [registry];
  let inFlight = 0;

  watchEventLoop(registry);
  new Gauge({
    name: "carillon_http_requests_in_flight",
    help: "Requests that are being answered, the one that reads this included",
    registers,
    collect() {
      this.set(inFlight);
    },
  });
  const requests = createHistogram({
    registry,
    name: "carillon_http_request_seconds",
    help: "Time to answer a request, by route",
    labelNames: ["method", "route", "status"],
    buckets: secondsBuckets,
  });
  const shed = new Counter({
    name: "carillon_requests_shed_total",
    help: "Requests answered with 503 overloaded: by priority or class, and what there was too much of",
    labelNames: ["what", "full"],
    registers,
  });
  const accepted = new Counter({
    name: "carillon_notifications_accepted_total",
    help: "Notifications answered with 202 and committed",
    labelNames: ["priority"],
    registers,
  });
  const closed = new Counter({
    name: "carillon_notifications_closed_total",
    help: "Notifications that reached their final status, but for those of erased users",
    labelNames: ["status"],
    registers,
  });
  const sent = new Counter({
    name: "carillon_notifications_sent_total",
    help: "Attempts and inbox deliveries, by what became of them",
    labelNames: ["channel", "priority", "outcome"],
    registers,
  });
  const recorded = new Counter({
    name: "carillon_deliveries_recorded_total",
    help: "Deliveries that were taken up to be sent, by what they became: failed are the dead letters",
    labelNames: ["channel", "status"],
    registers,
  });
  const acceptToSent = createHistogram({
    registry,
    name: "carillon_accept_to_sent_seconds",
    help: "From the acceptance of a notification to the end of a delivery, by lane; what was scheduled is left out",
    labelNames: ["priority", "channel"],
    buckets: acceptToSentBuckets,
  });
  const flushRows = new Histogram({
    name: "carillon_flush_rows",
    help: "Rows written by one statement, by stage",
    labelNames: ["stage"],
    buckets: rowsBuckets,
    registers,
  });
  const flushSeconds = new Histogram({
    name: "carillon_flush_seconds",
    help: "Time of one flush to the database, by stage",
    labelNames: ["stage"],
    buckets: secondsBuckets,
    registers,
  });
  const swept = new Counter({
    name: "carillon_swept_total",
    help: "What the sweep handed on, by kind",
    labelNames: ["kind"],
    registers,
  });
  const oldestDueSeconds = new Gauge({
    name: "carillon_due_oldest_seconds",
    help: "For how long the oldest due row that the last round of the sweep found had waited",
    aggregator: "max",
    registers,
  });
  const oldestPendingSeconds = new Gauge({
    name: "carillon_pending_oldest_seconds",
    help: "Age of the oldest accepted notification that is not planned; 0 where none is older than PENDING_GRACE_MS",
    aggregator: "max",
    registers,
  });
  const laneRests = new Counter({
    name: "carillon_lane_rest_seconds_total",
    help: "For how long a lane rested between two pieces of its work, since a more urgent one had some",
    labelNames: ["lane"],
    registers,
  });
  const workerRestarts = new Counter({
    name: "carillon_worker_restarts_total",
    help: "Workers that ended by themselves and were started again",
    registers,
  });
  const errors = new Counter({
    name: "carillon_errors_total",
    help: "Unexpected errors, by stage; each is in the log",
    labelNames: ["stage"],
    registers,
  });

  // A counter that appears with its first error would hide that one from rate().
  for (const stage of stages) errors.inc({ stage }, 0);
  for (const lane of priorities) laneRests.inc({ lane }, 0);
  for (const what of priorities) for (const full of ["wait", "rows"]) shed.inc({ what, full }, 0);
  for (const what of ["read", "change"]) for (const full of ["wait", "requests"]) shed.inc({ what, full }, 0);
  for (const what of ["send", "change"]) shed.inc({ what, full: "bytes" }, 0);

  const { isWritten, log } = createLogging({ level, write });
  const wide = createWideLines({ isWritten, log, sample });

  return {
    registry,
    log,
    write,

    /** All metrics as Prometheus reads them, those of other threads added to this one's. */
    async metrics(others: object[][]): Promise<string> {
      const own = await registry.getMetricsAsJSON();
      const ofThreads = AggregatorRegistry.aggregate([own, ...others]);
      return `${await ofProcess.metrics()}${await ofThreads.metrics()}`;
    },
    contentType: registry.contentType,

    requestStarted(): void {
      inFlight += 1;
    },

    requestFinished(facts: RequestFacts, answer: AnswerFacts): void {
      inFlight -= 1;
      const { method, route, status, ms } = answer;
      requests.observe(ms / 1000, method, route, String(status));
      wide.request(facts, answer);
    },

    /**
     * Once a notification, when its plan is stored: whoever does that knows all that was decided, and what never closes has
     * its line all the same. What became of it is in the lines of its attempts.
     */
    notificationsPlanned(plans: () => Iterable<PlanFacts>): void {
      if (!wide.tellsPlans()) return;
      for (const plan of plans()) wide.planned(plan);
    },

    attemptEnded: wide.attempted,

    /** The guide's name. For the inbox, whose insert is its delivery, the outcome is `sent`. */
    recordNotificationSent(channel: Channel, priority: Priority, outcome: OutcomeKind, count = 1): void {
      sent.inc({ channel, priority, outcome }, count);
    },

    /** A request was refused, since there was too much of something already. */
    requestShed(what: string, full: "wait" | "rows" | "requests" | "bytes"): void {
      shed.inc({ what, full });
    },

    notificationsAccepted(priority: Priority, count: number): void {
      accepted.inc({ priority }, count);
    },

    notificationsClosed(status: string, count = 1): void {
      closed.inc({ status }, count);
    },

    deliveryEnded(priority: Priority, channel: Channel, acceptedMs: number, nowMs: number): void {
      acceptToSent.observe(Math.max(0, nowMs - acceptedMs) / 1000, priority, channel);
    },

    deliveriesRecorded(channel: string, status: string, count: number): void {
      recorded.inc({ channel, status }, count);
    },

    flushed(stage: Stage, rows: number, ms: number): void {
      flushRows.observe({ stage }, rows);
      flushSeconds.observe({ stage }, ms / 1000);
    },

    swept(kind: "pending" | "scheduled" | "delivery" | "lease", count: number): void {
      if (count === 0) return;
      swept.inc({ kind }, count);
      if (kind === "lease") log("warn", "took over deliveries that a stopped process had begun", { count });
    },

    laneRested(lane: Priority, ms: number): void {
      laneRests.inc({ lane }, ms / 1000);
    },

    workerEnded(index: number, why: string, restartMs: number): void {
      workerRestarts.inc();
      log("error", "a worker ended and is started again", { worker: index, error: why, wait_ms: restartMs });
    },

    oldestDue(seconds: number): void {
      oldestDueSeconds.set(seconds);
    },

    oldestPending(seconds: number): void {
      oldestPendingSeconds.set(seconds);
    },

    /** An error nobody but the operator can do something about; logged whole. */
    failed(stage: Stage, error: unknown, fields: Fields = {}): void {
      errors.inc({ stage });
      log("error", `${stage} failed`, { ...fields, error: wordsOfError(error) });
    },
  };
}
