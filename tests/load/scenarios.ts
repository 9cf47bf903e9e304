import { artilleryScenario } from "./artillery.ts";
import { k6Scenarios } from "./k6-scenarios.ts";
import type { Scenario } from "./measure.ts";

/** In the order in which they are to be run: where the first does not hold, no other needs to be looked at. */
export const scenarios: readonly Scenario[] = [...Object.values(k6Scenarios), artilleryScenario];
