/** The two kinds of panel there are: a figure of now, coloured by its target, and lines over time. */
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { ThresholdsConfigBuilder, ThresholdsMode } from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as FigurePanel } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as LinesPanel } from "@grafana/grafana-foundation-sdk/timeseries";
import type { Target } from "../../../src/targets.ts";
import { units } from "./units.ts";

/** Which Prometheus is asked is chosen on the dashboard. */
export const datasource = { type: "prometheus", uid: "$datasource" };

/** Of the 24 columns of a dashboard. */
const figureColumns = 4;
const figureRows = 4;
const linesColumns = 12;
const linesRows = 8;

export type Unit = keyof typeof units;

interface Shown {
  /** What the reader learns from it, in a sentence. */
  says: string;
  unit?: Unit;
  target?: Target;
}

export function figure(title: string, expr: string, { says, unit = "count", target }: Shown): FigurePanel {
  const panel = new FigurePanel()
    .title(title)
    .description(says)
    .datasource(datasource)
    .span(figureColumns)
    .height(figureRows)
    .unit(units[unit])
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false))
    .withTarget(query(expr, "A").instant());
  return panel.thresholds(target === undefined ? plain() : steps(target));
}

/** @param lines what each line is called (Grafana puts labels into it) → its expression */
export function lines(
  title: string,
  lines: Record<string, string>,
  { says, unit = "count", target }: Shown,
): LinesPanel {
  const panel = new LinesPanel()
    .title(title)
    .description(says)
    .datasource(datasource)
    .span(linesColumns)
    .height(linesRows)
    .unit(units[unit])
    .min(0)
    .fillOpacity(8)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  for (const [index, [legend, expr]] of Object.entries(lines).entries()) {
    panel.withTarget(
      query(expr, String.fromCharCode("A".charCodeAt(0) + index))
        .legendFormat(legend)
        .range(),
    );
  }
  if (target === undefined) return panel.thresholds(plain());
  return panel
    .thresholds(steps(target))
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
}

const query = (expr: string, refId: string) =>
  new DataqueryBuilder().datasource(datasource).expr(expr).refId(refId);

const plain = () =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([{ value: null, color: "text" }]);

/** Green within the target; where more is better, the steps go the other way. */
function steps({ warning, critical }: Target): ThresholdsConfigBuilder {
  const rising = warning < critical;
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(
    rising
      ? [
          { value: null, color: "green" },
          { value: warning, color: "orange" },
          { value: critical, color: "red" },
        ]
      : [
          { value: null, color: "red" },
          { value: critical, color: "orange" },
          { value: warning, color: "green" },
        ],
  );
}
