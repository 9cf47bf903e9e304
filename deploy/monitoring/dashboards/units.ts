import {
  BytesIEC,
  BytesPerSecondIEC,
  PercentUnit,
  Seconds,
  Short,
} from "@grafana/grafana-foundation-sdk/units";

/** How figures are written, by Grafana's names. */
export const units = {
  count: Short,
  perSecond: "cps",
  seconds: Seconds,
  share: PercentUnit,
  bytes: BytesIEC,
  bytesPerSecond: BytesPerSecondIEC,
} as const;
