/** The dashboards that are shipped are those that the code describes. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { dashboards, jsonOf } from "../../deploy/monitoring/dashboards/dashboards.ts";
import { bounds, targets } from "../../src/targets.ts";
import { monitoring } from "./prometheus.ts";

const folder = join(monitoring, "grafana/dashboards");

test.each(dashboards)("the $name dashboard is the generated one", async (dashboard) => {
  expect(await Bun.file(join(folder, `${dashboard.name}.json`)).text()).toBe(jsonOf(dashboard));
});

test("no other dashboard is shipped", () => {
  const files = [...new Bun.Glob("*").scanSync(folder)].sort();
  expect(files).toEqual(dashboards.map(({ name }) => `${name}.json`).sort());
});

test("each panel has its own place, a title and a sentence, and asks the Prometheus that is chosen", () => {
  for (const { model } of dashboards) {
    const panels = (model.panels ?? []).filter(({ type }) => type !== "row");
    expect(panels.length).toBeGreaterThan(10);
    const places = panels.map(({ gridPos }) => `${gridPos?.x} ${gridPos?.y}`);
    expect(new Set(places).size).toBe(panels.length);
    for (const panel of panels) {
      expect(panel.title).toMatch(/^\S/);
      expect("description" in panel && panel.description).toMatch(/\.$/);
      expect("datasource" in panel && panel.datasource).toEqual({ type: "prometheus", uid: "$datasource" });
    }
  }
});

test("dashboards and alerts know the same targets", async () => {
  const rules = await Bun.file(join(monitoring, "rules/targets.yml")).text();
  const bounds = [...rules.matchAll(/expr: \S+ [<>] ([\d.]+)/g)].map(([, bound]) => Number(bound));
  expect(bounds).toEqual(Object.values(targets).flatMap(({ warning, critical }) => [warning, critical]));
});

/** The alerts that stand for each bound, the warning first. */
const alertsOf: Record<keyof typeof bounds, string[]> = {
  pendingOldestSeconds: ["OldPending", "VeryOldPending"],
  dueOldestSeconds: ["LateDeliveries"],
  eventLoopLagSeconds: ["EventLoopHeldUp"],
  ownErrorsPerSecond: ["OwnErrors"],
  shedPerSecond: ["Overloaded"],
  failedDeliveryRatio: ["DeliveriesFail"],
  poolRatio: ["BusyPool"],
  diskFreeRatio: ["DiskFills", "DiskNearlyFull"],
};

test("doctor and alerts know the same bounds", async () => {
  const rules = await Bun.file(join(monitoring, "rules/alerts.yml")).text();
  const boundOf = (alert: string) =>
    Number(new RegExp(`alert: ${alert}\\n\\s+expr: .* [<>] ([\\d.]+)\\n`).exec(rules)?.[1]);
  for (const [name, alerts] of Object.entries(alertsOf)) {
    const { warning, critical } = bounds[name as keyof typeof bounds];
    expect([name, ...alerts.map(boundOf)]).toEqual([name, ...[warning, critical].filter(Number.isFinite)]);
  }
});

test("nothing that is shipped for monitoring holds a password", async () => {
  for await (const file of new Bun.Glob("**/*").scan(monitoring)) {
    expect(await Bun.file(join(monitoring, file)).text()).not.toMatch(/password|admin/i);
  }
});
