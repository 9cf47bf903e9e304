/** `bun run dashboards`: writes what Grafana reads, a file a dashboard. */
import { join } from "node:path";
import { dashboards, jsonOf } from "./dashboards.ts";

const folder = join(import.meta.dir, "../grafana/dashboards");

for (const dashboard of dashboards)
  await Bun.write(join(folder, `${dashboard.name}.json`), jsonOf(dashboard));
