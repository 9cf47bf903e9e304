/** A burst: 50 users become 500 within 12 seconds, and whether all is as before once they are gone. */
import type { Options } from "k6/options";
import { stages } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

export const options: Options = {
  stages: stages(
    { minutes: 0.5, users: 50 },
    { minutes: 0.5, users: 50 },
    { minutes: 0.2, users: 500 },
    { minutes: 2, users: 500 },
    { minutes: 0.2, users: 50 },
    { minutes: 1, users: 50 },
    { minutes: 0.2, users: 0 },
  ),
  thresholds: thresholdsOf("spike"),
};

export { prepare as setup, visit as default } from "./traffic.ts";
