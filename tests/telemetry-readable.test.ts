/** Log lines as `dev` shows them at a terminal. */
import { expect, test } from "bun:test";
import { createTelemetry } from "../src/telemetry.ts";
import { readable } from "../src/telemetry-readable.ts";

test("a line is read from left to right, without what only programs need", () => {
  const lines: string[] = [];
  const telemetry = createTelemetry({ level: "info", write: (line) => lines.push(readable(line)) });
  telemetry.log("info", "notification", {
    notification_id: "n1",
    project_id: "p1",
    decisions: { email: "send", sms: "no_address" },
    waited_ms: 3,
  });
  telemetry.log("warn", "slow query");
  expect(lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, ""))).toEqual([
    "notification notification_id=n1 decisions=email:send,sms:no_address waited_ms=3",
    "WARN slow query",
  ]);
});
