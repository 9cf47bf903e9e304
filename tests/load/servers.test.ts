import { test } from "bun:test";
import { openStack } from "../stacks.ts";
import { k6Scenarios } from "./k6-scenarios.ts";
import { startUnderLoad } from "./service.ts";
import { expectHeld, shortFormsTimeoutMs } from "./short-form.ts";

test(
  "mixed in short is held on every server that there is",
  async () => {
    await using stack = await openStack("PostgreSQL, Redis and Kafka");
    await using underLoad = await startUnderLoad(stack.env);
    await expectHeld(k6Scenarios.mixed, underLoad);
  },
  shortFormsTimeoutMs,
);
