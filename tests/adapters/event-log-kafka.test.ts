/** Kafka keeps what is promised of an event log. */
import { setDefaultTimeout } from "bun:test";
import { eventLogContract } from "./event-log.contract.ts";
import { kafkaWorld } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

eventLogContract("Kafka", async () => {
  const world = kafkaWorld();
  return { log: world.open().log, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
});
