/** Readers and writers at once, four to one, each measured by themselves: 80 users read, 20 write, for five minutes. */
import type { Options } from "k6/options";
import { lasting } from "./stages.ts";
import { thresholdsOf } from "./thresholds.ts";

const duration = lasting(5);

export const options: Options = {
  scenarios: {
    readers: { executor: "constant-vus", exec: "thinkAndRead", vus: 80, duration },
    writers: { executor: "constant-vus", exec: "thinkAndWrite", vus: 20, duration },
  },
  thresholds: {
    ...thresholdsOf("mixed"),
    ...thresholdsOf("mixed", "{scenario:readers}"),
    ...thresholdsOf("mixed", "{scenario:writers}"),
  },
};

export { prepare as setup, thinkAndRead, thinkAndWrite } from "./traffic.ts";
