/**
 * From where on a figure needs a look, and from where on somebody to act. Rules, dashboards and doctor judge by the same:
 * a test compares them with deploy/monitoring/rules.
 */
export interface Target {
  warning: number;
  critical: number;
}

/** As in targets.yml: what the service is run by. */
export const targets = {
  responseSeconds: { warning: 0.5, critical: 1 },
  errorRatio: { warning: 0.01, critical: 0.05 },
  cacheHitRatio: { warning: 0.85, critical: 0.7 },
  querySeconds: { warning: 0.1, critical: 0.5 },
  kafkaLag: { warning: 100, critical: 1000 },
  cpuRatio: { warning: 0.7, critical: 0.9 },
  memoryRatio: { warning: 0.8, critical: 0.95 },
} satisfies Record<string, Target>;

/** As in alerts.yml: work that waits and room that ends. What is never critical has no such bound. */
export const bounds = {
  pendingOldestSeconds: { warning: 60, critical: 300 },
  dueOldestSeconds: { warning: 300, critical: Number.POSITIVE_INFINITY },
  eventLoopLagSeconds: { warning: 0.5, critical: Number.POSITIVE_INFINITY },
  ownErrorsPerSecond: { warning: 0.1, critical: Number.POSITIVE_INFINITY },
  shedPerSecond: { warning: 1, critical: Number.POSITIVE_INFINITY },
  failedDeliveryRatio: { warning: 0.05, critical: Number.POSITIVE_INFINITY },
  poolRatio: { warning: 0.8, critical: Number.POSITIVE_INFINITY },
  diskFreeRatio: { warning: 0.1, critical: 0.05 },
} satisfies Record<string, Target>;

/** A figure that is better the higher it is has its warning above what is critical. */
export function levelOf(value: number, { warning, critical }: Target): "ok" | "warn" | "fail" {
  const isBeyond = (bound: number) => (warning > critical ? value < bound : value > bound);
  if (isBeyond(critical)) return "fail";
  return isBeyond(warning) ? "warn" : "ok";
}
