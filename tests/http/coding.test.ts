/** What a client takes decides how its answer is sent. */
import { expect, test } from "bun:test";
import { codingFor } from "../../src/http/compression.ts";

test.each([
  ["gzip, deflate, br, zstd", "zstd"],
  ["gzip, deflate, br", "br"],
  ["gzip", "gzip"],
  ["GZIP", "gzip"],
  ["zstd;q=0.5, gzip", "gzip"],
  ["zstd;q=0, br;q=0, *", "gzip"],
  ["*", "zstd"],
  ["*;q=0", null],
  ["identity", null],
  ["identity, gzip;q=0.5", null],
  ["identity;q=0.5, gzip", "gzip"],
  ["deflate, compress", null],
  ["gzip;q=nonsense", "gzip"],
  ["", null],
  [null, null],
] as const)("of %j, it is %j", (header, coding) => {
  expect(codingFor(header)).toBe(coding);
});
