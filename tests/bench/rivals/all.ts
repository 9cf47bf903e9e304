import { bullmq } from "./bullmq.ts";
import { graphileWorker } from "./graphile-worker.ts";
import { pgBoss } from "./pg-boss.ts";
import type { Rival } from "./rival.ts";

export const rivals = { graphileWorker, pgBoss, bullmq } satisfies Record<string, Rival>;
export type RivalName = keyof typeof rivals;
