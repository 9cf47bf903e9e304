/** A normal day: up to 50 users, then up to 100. */
import type { Options } from "k6/options";
import { stages } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

export const options: Options = {
  stages: stages(
    { minutes: 2, users: 50 },
    { minutes: 5, users: 50 },
    { minutes: 2, users: 100 },
    { minutes: 5, users: 100 },
    { minutes: 2, users: 0 },
  ),
  thresholds: thresholdsOf("load"),
};

export { prepare as setup, visit as default } from "./traffic.ts";
