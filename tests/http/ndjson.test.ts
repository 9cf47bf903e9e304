import { expect, test } from "bun:test";
import { ndjsonOf } from "../../src/http/ndjson.ts";

const longMs = 60_000;

/** Batches without an end, and whether their reader was heard to have had enough. */
function endless() {
  const ended = Promise.withResolvers<void>();
  async function* batches() {
    try {
      for (let nth = 0; ; nth++) yield [{ nth }, { nth }];
    } finally {
      ended.resolve();
    }
  }
  return { batches: batches(), ended: ended.promise };
}

function counted(maxMs: number) {
  const heard: string[] = [];
  const life = {
    maxMs,
    onStart: () => heard.push("start"),
    onEnd: () => heard.push("end"),
    onError: (error: unknown) => heard.push(String(error)),
  };
  return { heard, life };
}

test("one that is not read in time is ended, and errs for who reads on", async () => {
  const { batches, ended } = endless();
  const { heard, life } = counted(50);
  const reader = ndjsonOf(batches, life).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('{"nth":0}\n{"nth":0}\n');
  await ended;
  expect(heard).toEqual(["start", "end", "Error: it was not read to its end within 50 ms"]);
  await expect(reader.read()).rejects.toBeUndefined();
  await reader.cancel().catch(() => {});
  expect(heard).toHaveLength(3);
});

test("one whose receiver goes away is ended once, without an error", async () => {
  const { batches, ended } = endless();
  const { heard, life } = counted(longMs);
  const reader = ndjsonOf(batches, life).getReader();
  await reader.read();
  await reader.cancel();
  await ended;
  expect(heard).toEqual(["start", "end"]);
});

test("one that nothing is wanted of begins nothing", async () => {
  const { batches } = endless();
  const { heard, life } = counted(longMs);
  await ndjsonOf(batches, life).cancel();
  expect(heard).toEqual([]);
});
