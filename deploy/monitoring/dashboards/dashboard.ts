import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import type { figure, lines } from "./panel.ts";

type Panel = ReturnType<typeof figure> | ReturnType<typeof lines>;

const tag = "carillon";

/**
 * A dashboard of rows, each a heading with its panels. In Grafana's classic model, which every version that is in use
 * reads from a file. Nothing is edited in Grafana: a change is made here.
 *
 * @param name what its file and its address end with
 */
export function dashboard(name: string, title: string, says: string, rows: Record<string, Panel[]>) {
  const builder = new DashboardBuilder(`Carillon: ${title}`)
    .uid(`carillon-${name}`)
    .description(says)
    .tags([tag])
    .readonly()
    .timezone("browser")
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"))
    .link(
      new DashboardLinkBuilder("Dashboards")
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(false)
        .keepTime(true),
    );
  let id = 0;
  const nextId = () => {
    id += 1;
    return id;
  };
  for (const [heading, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(heading).id(nextId()));
    for (const panel of panels) builder.withPanel(panel.id(nextId()));
  }
  return { name, model: builder.build() };
}
