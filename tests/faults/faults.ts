/** Every fault, in the order in which they happen to a stack. */
import type { Fault } from "./fault.ts";
import { kafkaFaults } from "./kafka.ts";
import { killAndRestart, killOneOfTwo } from "./kills.ts";
import { postgresFaults } from "./postgres.ts";
import { redisFaults } from "./redis.ts";
import type { StackName } from "./stack.ts";
import { workerEnds } from "./workers.ts";

export const faults: Fault[] = [
  ...redisFaults,
  ...kafkaFaults,
  ...postgresFaults,
  workerEnds,
  killOneOfTwo,
  killAndRestart,
];

export const faultsOn = (stack: StackName) => faults.filter(({ stacks }) => stacks.includes(stack));

/** Processes side by side on PostgreSQL alone: there, nothing but the database lies between them. */
export const processesOn = (stack: StackName) => (stack === "postgres" ? 2 : 1);
