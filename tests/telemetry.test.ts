/** What an error that only the operator can do something about is told as. */
import { expect, test } from "bun:test";
import { createTelemetry } from "../src/telemetry.ts";

function told(error: Error): string {
  const lines: string[] = [];
  createTelemetry({ level: "error", write: (line) => lines.push(line) }).failed("http", error);
  return JSON.parse(lines[0] ?? "{}").error;
}

test("an error is told with its words, though its stack has none", () => {
  const aborted = new DOMException("The connection was closed.", "AbortError");
  Object.defineProperty(aborted, "stack", { value: "stop@[native code]\nhandle@serve.ts:4:2" });

  expect(told(aborted)).toBe(
    "AbortError: The connection was closed.\nstop@[native code]\nhandle@serve.ts:4:2",
  );
  expect(told(new DOMException("It took too long.", "TimeoutError"))).toBe("TimeoutError: It took too long.");
});

test("an error is told with where it comes from, and with its causes", () => {
  const error = new TypeError("no number", { cause: new Error("no digit") });

  expect(told(error)).toStartWith("TypeError: no number ← Error: no digit\n");
  expect(told(new RangeError("too far"))).toMatch(/^RangeError: too far\n.*telemetry\.test\.ts/s);
});
