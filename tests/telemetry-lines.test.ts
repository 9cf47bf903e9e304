/** Log lines on their way out: in order, gathered, and never in anybody's way. */
import { expect, test } from "bun:test";
import { createLines } from "../src/telemetry-lines.ts";

test("lines are written in order, many at once, and whoever flushes waits for all of them", async () => {
  const texts: string[] = [];
  const lines = createLines((text, done) => {
    texts.push(text);
    setImmediate(done);
  });
  const all = Array.from({ length: 10_000 }, (_, nth) => `line ${nth}`);
  for (const line of all) lines.write(line);
  await lines.flush(5000);
  expect(texts.join("")).toBe(`${all.join("\n")}\n`);
  expect(texts.length).toBeLessThan(10);
  expect(lines.dropped()).toBe(0);
});

test("while nobody reads, a bounded text waits and the rest is dropped and counted", async () => {
  const texts: string[] = [];
  let read = () => {};
  const lines = createLines((text, done) => {
    texts.push(text);
    read = done;
  });
  const line = "x".repeat(1023);
  for (let nth = 0; nth < 10_000; nth++) lines.write(line);
  expect(lines.dropped()).toBe(10_000 - 64 - 4096); // What is being written, and what waits.
  expect(texts.length).toBe(1);
  read();
  expect(texts.map((text) => text.length)).toEqual([65_536, 4_194_304]);
  read();
  lines.write("after");
  const flushed = lines.flush(5000);
  read();
  await flushed;
  expect(texts.at(-1)).toBe("after\n");
});

test("a flush does not wait for a reader who stands still", async () => {
  const lines = createLines(() => {});
  lines.write("a line");
  await lines.flush(20);
});

test("what waits when the process ends is written then, and once", () => {
  const ends: [string, boolean][] = [];
  const lines = createLines((text, _, isLast) => ends.push([text, isLast]));
  lines.write("the last one");
  lines.end();
  lines.end();
  expect(ends).toEqual([["the last one\n", true]]);
});
