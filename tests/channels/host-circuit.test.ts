/** A host that does not answer is left alone, and asked again by one call at a time. */
import { expect, test } from "bun:test";
import { createHostCircuit } from "../../src/channels/host-circuit.ts";

const callMaxMs = 1000;
const host = "hooks.example.com";

function silent(calls: number) {
  const circuit = createHostCircuit({ callMaxMs });
  for (let nth = 0; nth < calls; nth++) circuit.unanswered(host, 0);
  return circuit;
}

test("it is called until 16 calls in a row had no answer, and no other host is left alone for it", () => {
  const circuit = silent(15);
  expect(circuit.restOf(host, 0)).toBe(0);
  circuit.unanswered(host, 0);
  expect(circuit.restOf(host, 0)).toBe(15_000);
  expect(circuit.restOf(host, 14_000)).toBe(1000);
  expect(circuit.restOf("other.example.com", 0)).toBe(0);
});

test("an answer in between is a new beginning", () => {
  const circuit = silent(15);
  circuit.answered(host);
  circuit.unanswered(host, 0);
  expect(circuit.restOf(host, 0)).toBe(0);
});

test("after its rest one call asks, and the others wait for what comes of it", () => {
  const circuit = silent(16);
  expect(circuit.restOf(host, 15_000)).toBe(0);
  expect(circuit.restOf(host, 15_200)).toBe(800);
  circuit.answered(host);
  expect(circuit.restOf(host, 15_300)).toBe(0);
});

test("a call that asks and is never heard of again lets another one ask", () => {
  const circuit = silent(16);
  expect(circuit.restOf(host, 15_000)).toBe(0);
  expect(circuit.restOf(host, 16_000)).toBe(0);
});

test("its rest grows each time that it still does not answer, to four minutes at most", () => {
  const circuit = silent(16);
  const rests: number[] = [];
  let nowMs = 0;
  for (let nth = 0; nth < 7; nth++) {
    const restMs = circuit.restOf(host, nowMs);
    rests.push(restMs);
    nowMs += restMs;
    expect(circuit.restOf(host, nowMs)).toBe(0);
    circuit.unanswered(host, nowMs);
  }
  expect(rests).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 240_000, 240_000]);
});

test("what was under way when it was found out does not prolong its rest", () => {
  const circuit = silent(64);
  expect(circuit.restOf(host, 0)).toBe(15_000);
});

test("it is counted from the 16th call without an answer to the next answer, though its rest is over", () => {
  expect(silent(15).silent()).toBe(0);
  const circuit = silent(16);
  expect(circuit.silent()).toBe(1);
  expect(circuit.restOf(host, 15_000)).toBe(0);
  expect(circuit.silent()).toBe(1);
  circuit.answered(host);
  expect(circuit.silent()).toBe(0);
});

test("while the clock was ahead it was left alone: it is asked as soon as the clock is set back", () => {
  const circuit = createHostCircuit({ callMaxMs });
  const aheadMs = 86_400_000;
  for (let nth = 0; nth < 16; nth++) circuit.unanswered(host, aheadMs);
  expect(circuit.restOf(host, aheadMs)).toBe(15_000);

  expect(circuit.restOf(host, 0)).toBe(0);
  expect(circuit.restOf(host, 0)).toBe(callMaxMs);
  circuit.unanswered(host, 500);
  expect(circuit.restOf(host, 500)).toBe(30_000);

  // Nor is the call waited for that asked while the clock was ahead.
  expect(circuit.restOf(host, aheadMs)).toBe(0);
  expect(circuit.restOf(host, 40_000)).toBe(0);
});
