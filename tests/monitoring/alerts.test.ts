/** The alert rules, judged by promtool: each fires on what it is for, and not on what is just within its bound. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { tempFolder } from "../temp-folder.ts";
import { type AlertCase, alertCases, type Series, slowStepMinutes, steps } from "./alert-cases.ts";
import { promtool } from "./promtool.ts";

const monitoring = join(import.meta.dir, "../../deploy/monitoring");
const ruleFiles = [...new Bun.Glob("rules/*.yml").scanSync(monitoring)].map((file) => join(monitoring, file));
const rules = (await Promise.all(ruleFiles.map((file) => Bun.file(file).text()))).join("\n");
const alertNames = [...new Set([...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name))];

test("promtool accepts the configuration and its rules", async () => {
  expect(await promtool(["check", "config", join(monitoring, "prometheus.yml")])).toMatchObject({ ok: true });
});

test("every alert has a case, a severity and a sentence", () => {
  expect([...new Set(alertCases.map(({ alert }) => alert))].sort()).toEqual(alertNames.sort());
  for (const [, rule = ""] of rules.matchAll(/- alert: ((?:.|\n(?! {6}[-#]))+)/g)) {
    expect(rule).toMatch(/labels: \{ severity: (warning|critical) \}/);
    expect(rule).toMatch(/summary: ".+\."/);
  }
});

/** As promtool reads it; JSON is YAML. */
const unitTest = ({ alert, stepMinutes = 1 }: AlertCase, series: Series, fires: boolean) => ({
  interval: `${stepMinutes}m`,
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  promql_expr_test: [
    {
      expr: `min(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: `${steps * stepMinutes}m`,
      exp_samples: fires ? [{ labels: "{}", value: 1 }] : [],
    },
  ],
});

/** The objectives look back for hours and days, which takes promtool most of its time: the others go without them. */
const isObjective = ({ alert }: AlertCase) => alert.startsWith("BudgetBurns");
const groups = [
  { name: "alert", cases: alertCases.filter((each) => !isObjective(each)), stepMinutes: 1 },
  { name: "objective", cases: alertCases.filter(isObjective), stepMinutes: 1 },
  { name: "slow objective", cases: alertCases.filter(isObjective), stepMinutes: slowStepMinutes },
];

test.each(groups)("each $name fires beyond its bound, and not within it", async (group) => {
  const { stepMinutes } = group;
  const cases = group.cases.filter((each) => (each.stepMinutes ?? 1) === stepMinutes);
  await using folder = tempFolder();
  const file = join(folder.path, "test.yml");
  const content = {
    rule_files: ruleFiles.filter((path) => cases.some(isObjective) || !path.endsWith("slo.yml")),
    evaluation_interval: `${stepMinutes}m`,
    tests: cases.flatMap((each) => [unitTest(each, each.bad, true), unitTest(each, each.good, false)]),
  };
  await Bun.write(file, JSON.stringify(content));
  const { ok, words } = await promtool(["test", "rules", file]);
  expect(words.replace(/^Unit Testing:.*$/m, "").trim()).toBe("SUCCESS");
  expect(ok).toBe(true);
});
