import type { ScenarioName } from "../../k6/bounds.ts";
import { k6 } from "./k6.ts";
import type { Scenario } from "./measure.ts";

const scenario = (name: ScenarioName, users: string, shortSeconds: number): Scenario => ({
  name,
  users,
  shortSeconds,
  generate: k6(`${name}.ts`),
});

export const k6Scenarios = {
  smoke: scenario("smoke", "5 users for a minute", 6),
  load: scenario("load", "up to 50 users, then up to 100, in 16 minutes", 6),
  stress: scenario("stress", "up to 300 users, in 16 minutes", 6),
  spike: scenario("spike", "50 users become 500 for two minutes, and 50 again", 8),
  soak: scenario("soak", "50 users for half an hour", 6),
  mixed: scenario("mixed", "80 users who read beside 20 who write, for five minutes", 6),
};
