/** What of a trace is taken from a request, by the rules of W3C Trace Context. */
import { describe, expect, test } from "bun:test";
import { traceContextOf } from "../src/trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const valid = `00-${traceId}-${spanId}-01`;

const parentOf = (traceparent: string) => traceContextOf(new Headers({ traceparent }))?.traceparent ?? null;
const stateOf = (tracestate: string) =>
  traceContextOf(new Headers({ traceparent: valid, tracestate }))?.tracestate ?? null;

describe("a traceparent", () => {
  test.each([
    ["as it is", valid, valid],
    ["that is not sampled", valid.replace(/01$/, "00"), valid.replace(/01$/, "00")],
    ["with a random id (level 2)", valid.replace(/01$/, "03"), valid.replace(/01$/, "03")],
    ["without the flags that nobody knows", valid.replace(/01$/, "ff"), valid.replace(/01$/, "03")],
    ["of a later version, as ours", valid.replace(/^00/, "cc"), valid],
    ["of a later version that has more", `${valid.replace(/^00/, "01")}-what-comes`, valid],
  ])("is taken %s", (_, given, taken) => {
    expect(parentOf(given)).toBe(taken);
  });

  test.each([
    ["of version ff", valid.replace(/^00/, "ff")],
    ["of version 00 that has more", `${valid}-more`],
    ["of a later version with more that no hyphen parts", `${valid.replace(/^00/, "01")}.more`],
    ["in capitals", valid.toUpperCase()],
    ["with a trace id of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["with a parent id of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["with a short id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["without flags", `00-${traceId}-${spanId}`],
    ["with a letter that is no digit", valid.replace("4bf", "4bg")],
    ["given twice", `${valid}, ${valid}`],
    ["that is empty", ""],
  ])("%s is ignored", (_, given) => {
    expect(parentOf(given)).toBeNull();
  });
});

describe("a tracestate", () => {
  test.each([
    ["vendor=t61rcWkgMzE"],
    ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    ["tenant@vendor=a b:c"],
    ["a_-*/1=!+~"],
    [`a=${"x".repeat(256)}`],
  ])("%s is taken", (given) => {
    expect(stateOf(given)).toBe(given);
  });

  test("is taken without the spaces between its members", () => {
    expect(stateOf("a=1 ,\tb=2,,c=3")).toBe("a=1,b=2,c=3");
  });

  test.each([
    ["without a value", "vendor"],
    ["with an empty value", "vendor="],
    ["with a key in capitals", "Vendor=1"],
    ["with a key that begins with a digit", "1vendor=1"],
    ["with a key given twice", "a=1,a=2"],
    ["with a value too long", `a=${"x".repeat(257)}`],
    ["with two equals signs", "a=1=2"],
    ["with too many members", Array.from({ length: 33 }, (_, nth) => `a${nth}=1`).join()],
    [
      "that is longer than is passed on",
      Array.from({ length: 4 }, (_, nth) => `a${nth}=${"x".repeat(200)}`).join(),
    ],
    ["that is empty", ""],
  ])("%s is dropped, and the traceparent stays", (_, given) => {
    expect(traceContextOf(new Headers({ traceparent: valid, tracestate: given }))).toEqual({
      traceparent: valid,
      tracestate: null,
    });
  });

  test("without a valid traceparent does not count", () => {
    expect(traceContextOf(new Headers({ tracestate: "a=1" }))).toBeNull();
    expect(traceContextOf(new Headers({ traceparent: "00-1-2-3", tracestate: "a=1" }))).toBeNull();
  });
});
