/** Events as they stand in Kafka, where binaries of other versions put them. */
import { expect, test } from "bun:test";
import { decodeEvent, encodeEvent } from "../../src/adapters/kafka-events.ts";
import { eventOf } from "./event-log.contract.ts";

const trace = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "congo=t61rcWkgMzE",
};

const decoded = (wire: object) => decodeEvent(Buffer.from(JSON.stringify(wire)));

test("an event of a binary that knew of no traces is read as one without", () => {
  const event = eventOf();
  const { trace: _, ...older } = JSON.parse(encodeEvent({ ...event, trace }));
  expect(decoded(older)).toEqual({ event });
  expect(encodeEvent(event)).not.toContain("trace");
});

test.each([
  ["no object", "yes"],
  ["no traceparent", { ...trace, traceparent: "00-1-2-3" }],
  ["a text as long as a book", { ...trace, tracestate: "x".repeat(10_000) }],
])("%s where a trace should be costs the trace, not the event", (_, bad) => {
  const event = eventOf();
  expect(decoded({ ...JSON.parse(encodeEvent(event)), trace: bad })).toEqual({ event });
});
