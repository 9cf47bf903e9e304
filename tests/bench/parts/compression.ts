import { type Coding, createCompression } from "../../../src/http/compression.ts";
import { listsOf } from "../answers.ts";
import type { Sample } from "../figure.ts";
import type { Part } from "../part.ts";
import { quantile } from "../quantile.ts";

/** The guide's targets, which are gzip's. */
const sizes = [
  { name: "10 KB", bytes: 10_000, savedPercent: 75, ms: 5 },
  { name: "100 KB", bytes: 100_000, savedPercent: 80, ms: 15 },
  { name: "1 MB", bytes: 1_000_000, savedPercent: 85, ms: 50 },
] as const;
const codings: Coding[] = ["gzip", "br", "zstd"];
const gzipLevel = 6;

/** Of each list by each coding; the first ones, which find nothing warm, are not counted. */
const times = 60;
const warmTimes = 10;

/** Lists of notifications, compressed by what the server compresses its answers with: what is saved, and in which time. */
export const compression: Part = async ({ quick }) => {
  const lists = await listsOf(sizes.map(({ bytes }) => bytes));
  const samples: Sample[] = [];
  for (const [index, { name, savedPercent, ms }] of sizes.entries()) {
    for (const coding of codings) {
      const { saved, tookMs } = await compressed(lists[index] ?? "", coding, quick ? warmTimes : times);
      const what = `${coding} of ${name} of JSON`;
      samples.push(
        { name: `${what}, saved`, value: saved, unit: "%", aim: { of: "value", atLeast: savedPercent } },
        { name: `${what}, in`, value: tookMs, unit: "ms", aim: { of: "value", atMost: ms } },
      );
    }
  }
  return samples;
};

/** The share of the bytes that is saved, in percent, and the median of the times that the metric would show. */
async function compressed(text: string, coding: Coding, count: number) {
  const tookMs: number[] = [];
  let saved = Number.NaN;
  const { encode } = createCompression({
    gzipLevel,
    compressed(_, bytesIn, bytesOut, ms) {
      saved = (1 - bytesOut / bytesIn) * 100;
      tookMs.push(ms ?? Number.NaN);
    },
  });
  for (let nth = 0; nth < warmTimes + count; nth += 1) await encode(text, coding);
  return { saved, tookMs: quantile(Float64Array.from(tookMs.slice(warmTimes)).sort(), 0.5) };
}
