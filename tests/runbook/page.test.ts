/** The runbook names only what there is, and everything that leads to it is there. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { metricsTable } from "../../src/cli-metrics.ts";
import { settings } from "../../src/config.ts";
import { runbookEntries } from "../../src/doctor-finding.ts";
import { carillon } from "../command-line.ts";
import { monitoring } from "../monitoring/prometheus.ts";
import { promtool } from "../monitoring/promtool.ts";
import { tempFolder } from "../temp-folder.ts";
import { entries, page } from "./page.ts";

const guideSymptoms = ["high-latency", "high-error-rate", "memory", "database"];

test("every symptom of the guide has an entry, and every finding of doctor leads to one", () => {
  expect([...guideSymptoms, ...runbookEntries].filter((entry) => !entries.has(entry))).toEqual([]);
});

test("every alert leads to an entry, which names it", async () => {
  const files = [...new Bun.Glob("rules/*.yml").scanSync(monitoring)];
  const rules = (await Promise.all(files.map((file) => Bun.file(join(monitoring, file)).text()))).join("\n");
  const alerts = [
    ...rules.matchAll(/- alert: (\w+)\n(?:(?!- alert)[\s\S])*?runbook: docs\/runbook\.md#(\S+)/g),
  ];
  expect(alerts).toHaveLength([...rules.matchAll(/- alert: /g)].length);
  for (const [, alert = "", entry = ""] of alerts) {
    expect([alert, entries.get(entry)?.includes(`\`${alert}\``)]).toEqual([alert, true]);
  }
});

describe.each([...entries])("the entry %s", (_, text) => {
  test("says symptom, metric, command and cure, how to see that it worked, and how it was tried", () => {
    const parts = [...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part);
    expect(parts).toEqual(["Symptom", "Metric", "Command", "Cure"]);
    expect(text).toMatch(/It\s+worked\s+when/);
    expect(text).toMatch(/^Tried by (hand|`tests\/)/m);
  });
});

test("every link leads somewhere", async () => {
  const anchors = [...entries.keys()];
  const inside = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor = ""]) => anchor);
  expect(inside.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  for (const [, path = ""] of page.matchAll(/\]\(([\w./-]+\.md)[#)]/g)) {
    expect([path, await Bun.file(join(import.meta.dir, "../../docs", path)).exists()]).toEqual([path, true]);
  }
});

test("every test that tried an entry is there, and names it", async () => {
  for (const [entry, text] of entries) {
    for (const [, path = ""] of text.matchAll(/`(tests\/\S+\.ts)`/g)) {
      const file = Bun.file(join(import.meta.dir, "../..", path));
      if (path.startsWith("tests/runbook/"))
        expect([entry, await file.text()]).toEqual([entry, expect.stringContaining(entry)]);
      else expect([path, await file.exists()]).toEqual([path, true]);
    }
  }
});

test("every metric that it names exists", async () => {
  const recorded = await Bun.file(join(monitoring, "rules/ratios.yml")).text();
  const slo = await Bun.file(join(monitoring, "rules/slo.yml")).text();
  const table = metricsTable();
  const names = [...page.matchAll(/\b(carillon|process|nodejs)[_:][\w:]+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(50);
  const isThere = (name: string) =>
    name.includes(":")
      ? `${recorded}${slo}`.includes(`record: ${name}\n`)
      : [name, name.replace(/_(bucket|count|sum)$/, "")].some((one) => table.includes(`| \`${one}\` |`));
  expect(names.filter((name) => !isThere(name))).toEqual([]);
});

test("every query that it gives can be asked", async () => {
  await using folder = tempFolder();
  const blocks = [...page.matchAll(/^ *```promql\n([\s\S]*?)^ *```/gm)].map(([, text = ""]) => text);
  // A query of several lines goes on with an operator.
  const queries = blocks.flatMap((block) => block.trim().split(/\n(?! *\/)/));
  const rules = queries.map((expr, nth) => ({ record: `query:${nth}`, expr }));
  const file = join(folder.path, "rules.yml");
  await Bun.write(file, JSON.stringify({ groups: [{ name: "runbook", rules }] }));
  expect(await promtool(["check", "rules", "--lint=none", file])).toMatchObject({ ok: true });
});

test("every setting that it names exists", () => {
  const known = Object.values(settings).map(({ name }) => name);
  // What is in capitals and has a line below is a setting, but for an ellipsis.
  const named = [...page.matchAll(/(?<![\w$])[A-Z]+(?:_[A-Z]+)+\b(?!_)/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(
    named.filter((name) => !known.includes(name) && !known.some((one) => one.startsWith(`${name}_`))),
  ).toEqual([]);
});

/** Commands in blocks and between words, as a shell would split them. */
const commands = new Set(
  [
    ...[...page.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap(([, text = ""]) => text.split("\n")),
    ...[...page.matchAll(/`(carillon [^`]*)`/g)].map(([, text = ""]) => text),
  ]
    .flatMap((line) => line.replace(/\s#.*/, "").split("&&"))
    .map((command) => command.trim())
    .filter((command) => /^carillon [a-z]/.test(command)),
);

test.each([...commands])("%s is taken", async (command) => {
  const unknown = "--no-such-option";
  // Nothing is run: the one option that there is not is all that is refused.
  const { code, stderr } = await carillon([...command.split(/\s+/).slice(1), unknown]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`unknown option '${unknown}'`)]);
});
