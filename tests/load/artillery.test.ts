import { expect, test } from "bun:test";
import { artilleryScenario } from "./artillery.ts";
import { measure } from "./measure.ts";
import { startUnderLoad } from "./service.ts";
import { expectHeld, shortFormsTimeoutMs } from "./short-form.ts";

test(
  "the five phases of Artillery in short are held",
  async () => {
    await using underLoad = await startUnderLoad({});
    await expectHeld(artilleryScenario, underLoad, ["time to the first byte (p95)"]);
  },
  shortFormsTimeoutMs,
);

test("users who are not served break the run", async () => {
  await using underLoad = await startUnderLoad({ RATE_LIMIT_PER_MINUTE: "300" });
  const brief = { ...artilleryScenario, shortSeconds: 5 };
  const { traffic } = await measure(brief, { ...underLoad, short: true });
  expect(traffic.broken).toEqual(["maxErrorRate < 1"]);
  expect(traffic.errorShare).toBeGreaterThan(0.05);
}, 90_000);
