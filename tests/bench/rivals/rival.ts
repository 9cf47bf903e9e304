import type { Json } from "../../../src/channels/channel.ts";
import type { Servers } from "../servers.ts";

/** Another way to bring the same bodies to the same receiver: a queue of jobs, and a worker that delivers them. */
export interface Rival {
  /** As its package is named. */
  name: string;
  /** Makes its tables, queues and whatever else stands before the first job. */
  prepare(place: Place): Promise<void>;
  openQueue(place: Place): Promise<Queue>;
  /** Takes jobs from now on and hands each to `deliver`, 64 at the same time. */
  work(place: Place, deliver: (job: Job) => Promise<void>): Promise<void>;
}

export interface Queue {
  /** Resolves once all of them are stored as the rival stores them. */
  addAll(jobs: Job[]): Promise<void>;
  close(): Promise<unknown>;
}

/** Where it runs: a database of its own, and what its keys in Redis begin with. */
export interface Place extends Pick<Servers, "redisUrl"> {
  databaseUrl: string;
  redisPrefix: string;
}

/** What a job carries: all that its request is made of. */
export interface Job {
  id: string;
  url: string;
  userId: string;
  title: string;
  body: string;
  data: Json;
  metadata: Json;
  createdAtMs: number;
}

/** Requests under way at the same time, as Carillon's WEBHOOK_CONNECTIONS. */
export const concurrency = 64;
