import { expect, test } from "bun:test";
import { join } from "node:path";
import { tempFolder } from "../temp-folder.ts";
import { writeSection } from "./document.ts";
import { heldResult } from "./results.ts";

const on = (stack: string) => ({ stack, label: `the ${stack} stack`, ground: ["2 cores"] });

test("a section takes the place of an earlier one of the same scenario and stack, in the scenarios' order", async () => {
  await using folder = tempFolder();
  const path = join(folder.path, "load-tests.md");
  await Bun.write(path, "before\n<!-- results -->\n<!-- /results -->\nafter\n");
  await writeSection(path, heldResult("soak"), on("all"));
  await writeSection(path, heldResult("smoke"), on("all"));
  await writeSection(path, heldResult("smoke"), on("embedded"));
  const held = heldResult("soak");
  await writeSection(path, { ...held, traffic: { ...held.traffic, requests: 1234567 } }, on("all"));

  const text = await Bun.file(path).text();
  expect([...text.matchAll(/^### (.*)/gm)].map(([, head]) => head)).toEqual([
    "smoke on the embedded stack",
    "smoke on the all stack",
    "soak on the all stack",
  ]);
  expect(text.match(/6,000 requests/g)).toHaveLength(2);
  expect(text).toContain("2026-01-02, 60 s, 1,234,567 requests, 100.0 a second");
  expect(text).toContain("| response time (p95) | < 500 ms | > 1,000 ms | < 50 ms | 8 ms | held |");
  expect(text).toStartWith("before\n");
  expect(text).toEndWith("<!-- /results -->\nafter\n");
});

test("a file without a place for results is refused", async () => {
  await using folder = tempFolder();
  const path = join(folder.path, "other.md");
  await Bun.write(path, "# Other\n");
  const refused = await writeSection(path, heldResult("smoke"), on("all")).catch(
    (error: Error) => error.message,
  );
  expect(refused).toContain("has no line <!-- results -->");
});
