/** What a fault is. */
import type { Client } from "../process/client.ts";
import type { Ledger } from "../process/load.ts";
import type { Seat } from "./seats.ts";
import type { Stack, StackName } from "./stack.ts";

/** How long and how often: the short form runs with every test run, the long one by `bun run faults`. */
export interface Form {
  /** How often a process is killed. */
  seeds: number;
  /** How often a worker is. */
  workerEnds: number;
  /** How long a server is stopped. */
  pauseMs: number;
  /** How long Kafka is gone. */
  kafkaDownMs: number;
  /** How often something that is quick is done again: connections cut, caches flushed, workers ended. */
  rounds: number;
  /** How often a second process comes and goes, and how long it stays each time. */
  rebalances: number;
  rebalanceMs: number;
}

export const shortForm: Form = {
  seeds: 2,
  workerEnds: 1,
  pauseMs: 3000,
  kafkaDownMs: 10_000,
  rounds: 3,
  rebalances: 1,
  rebalanceMs: 2500,
};

export const longForm: Form = {
  seeds: 20,
  workerEnds: 20,
  pauseMs: 10_000,
  kafkaDownMs: 60_000,
  rounds: 10,
  rebalances: 6,
  rebalanceMs: 5000,
};

/** Where a fault happens: a service on its servers, with callers that go on whatever happens. */
export interface Scene {
  stack: Stack;
  /** At least one. Each holds a running process when a fault begins, and must when it ends. */
  seats: [Seat, ...Seat[]];
  form: Form;
  /** In [0, 1), repeated by the seed. */
  random(): number;
  ledger: Ledger;
  /** A client of a process that runs. */
  client(): Client;
  /** Whether the webhook of this notification has arrived. */
  hasArrived(id: string): boolean;
  /** Resolves in the middle of a batch: while the receiver has not answered several webhooks yet. */
  midBatch(): Promise<unknown>;
  /** Another place, for a process that comes and goes; empty. */
  addSeat(): Seat;
}

export interface Injected {
  /**
   * How many threads were cut off, or kept from recording beyond their lease, with sends under way: each may repeat as many as
   * it has at once, WEBHOOK_CONNECTIONS.
   */
  interrupted: number;
  /** What did not hold while it lasted. */
  violations?: string[];
}

export interface Fault {
  name: string;
  stacks: StackName[];
  /** Of these, those on which the short form has it too. */
  shortOn: StackName[];
  /** How long after its end a new notification may take to arrive. */
  recoverMaxMs: number;
  /** How long an answer may take meanwhile, of whatever status. */
  answerMaxMs: number;
  /** What a process may buffer meanwhile, in MB, beyond the growth that every fault is allowed. */
  buffersMaxMb?: number;
  /** Resolves when it is over. */
  inject(scene: Scene): Promise<Injected>;
}
