/** More than on any day: up to 300 users, and back to none. */
import type { Options } from "k6/options";
import { stages } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

export const options: Options = {
  stages: stages(
    { minutes: 2, users: 100 },
    { minutes: 2, users: 200 },
    { minutes: 2, users: 300 },
    { minutes: 5, users: 300 },
    { minutes: 5, users: 0 },
  ),
  thresholds: thresholdsOf("stress"),
};

export { prepare as setup, visit as default } from "./traffic.ts";
