/** From where on a figure needs a look, and from where on somebody to act: as in ../rules/targets.yml. */
export interface Target {
  warning: number;
  critical: number;
}

export const targets = {
  responseSeconds: { warning: 0.5, critical: 1 },
  errorRatio: { warning: 0.01, critical: 0.05 },
  cacheHitRatio: { warning: 0.85, critical: 0.7 },
  querySeconds: { warning: 0.1, critical: 0.5 },
  kafkaLag: { warning: 100, critical: 1000 },
  cpuRatio: { warning: 0.7, critical: 0.9 },
  memoryRatio: { warning: 0.8, critical: 0.95 },
} satisfies Record<string, Target>;
