import { expect, test } from "bun:test";
import { chartSvg } from "./chart.ts";

const chartOf = (values: number[]) =>
  chartSvg(
    {
      title: "Times",
      unit: "ms",
      lines: [{ name: "p95", points: values.map((value, atSeconds) => ({ atSeconds, value })) }],
    },
    values.length,
  );
const pathIn = (svg: string) => /class="line line0" d="([^"]*)"/.exec(svg)?.[1] ?? "";

test("a single high second of half an hour is still to be seen", () => {
  const values = Array.from({ length: 1800 }, (_, second) => (second === 1001 ? 900 : 10));
  const path = pathIn(chartOf(values));
  const heights = [...path.matchAll(/[ML]\S+ ([\d.]+)/g)].map(([, y]) => Number(y));
  expect(heights.length).toBeLessThanOrEqual(600);
  expect(heights.filter((y) => y < 100)).toHaveLength(1);
});

test("a second without a value leaves a gap", () => {
  expect(pathIn(chartOf([1, 2, Number.NaN, 3, 4])).match(/M/g)).toHaveLength(2);
});

test("a chart of nothing has its scale and no line", () => {
  expect(pathIn(chartOf([]))).toBe("");
  expect(chartOf([])).toContain('class="scale"');
});
