/** Whether everything works at all: 5 users for a minute. */
import type { Options } from "k6/options";
import { lasting } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

export const options: Options = {
  vus: 5,
  duration: lasting(1),
  thresholds: thresholdsOf("smoke"),
};

export { prepare as setup, visit as default } from "./traffic.ts";
