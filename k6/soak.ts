/** Whether it stays as it is: 50 users for half an hour. */
import type { Options } from "k6/options";
import { stages } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

export const options: Options = {
  stages: stages({ minutes: 1, users: 50 }, { minutes: 28, users: 50 }, { minutes: 1, users: 0 }),
  thresholds: thresholdsOf("soak"),
};

export { prepare as setup, visit as default } from "./traffic.ts";
