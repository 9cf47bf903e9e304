/**
 * One run as a page that stands alone: the table, and latency, throughput, errors and what the service used over time.
 * k6's own page (K6_WEB_DASHBOARD_EXPORT) shows what k6 knows, but not the service's CPU, memory and lag on the same axis.
 */
import { createHash } from "node:crypto";
import { type Chart, chartSvg } from "./chart.ts";
import type { Result } from "./measure.ts";
import { reportStyle } from "./report-style.ts";
import { rowsOf } from "./targets.ts";

/** @param ground what the service ran on, and what ran beside it, for people */
export function reportOf(result: Result, ground: string[]): string {
  const { scenario, short, startedAt, seconds, traffic } = result;
  const title = `Load test: ${scenario.name}`;
  const words = [
    `${short ? "Short form of: " : ""}${scenario.users}. ${startedAt.toISOString()}, ${seconds.toFixed(0)} s.`,
    `${traffic.requests.toLocaleString("en")} requests, ${traffic.ratePerSecond.toFixed(1)} a second; ` +
      `median ${traffic.p50Ms.toFixed(1)} ms, slowest ${traffic.maxMs.toFixed(0)} ms.`,
    ...ground,
  ];
  const charts = chartsOf(result);
  const times = charts.flatMap(({ lines }) =>
    lines.flatMap(({ points }) => points.map((one) => one.atSeconds)),
  );
  const until = Math.max(seconds, ...times);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${sha256(reportStyle)}'">
<title>${title}</title>
<style>${reportStyle}</style>
</head>
<body>
<h1>${title}</h1>
${words.map((line) => `<p>${Bun.escapeHTML(line)}</p>`).join("\n")}
<h2>Against the targets</h2>
<div class="wide">${tableOf(result)}</div>
${traffic.broken.map((broken) => `<p class="missed">does not hold: ${Bun.escapeHTML(broken)}</p>`).join("\n")}
<h2>Over time</h2>
${charts.map((chart) => chartSvg(chart, until)).join("\n")}
</body>
</html>
`;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64");

function tableOf(result: Result): string {
  const rows = rowsOf(result).map(({ measure, target, critical, own, here, verdict }) => {
    const look = verdict === "held" ? "held" : verdict === "not measured" ? "" : "missed";
    const cells = [measure, target, critical, own, here].map((cell) => `<td>${Bun.escapeHTML(cell)}</td>`);
    return `<tr>${cells.join("")}<td class="${look}">${verdict}</td></tr>`;
  });
  const heads = ["measure", "target", "critical", "own bound", "here", "verdict"];
  return `<table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function chartsOf({ startedAt, intervals, samples }: Result): Chart[] {
  const beganSeconds = startedAt.getTime() / 1000;
  const ofTraffic = (name: string, value: (interval: Result["intervals"][number]) => number) => ({
    name,
    points: intervals.map((one) => ({
      atSeconds: Math.max(0, one.atSeconds - beganSeconds),
      value: value(one),
    })),
  });
  const ofService = (name: string, value: (sample: Result["samples"][number]) => number) => ({
    name,
    points: samples.map((one) => ({ atSeconds: one.atSeconds - beganSeconds, value: value(one) })),
  });
  return [
    {
      title: "Response time",
      unit: "ms",
      lines: [
        ofTraffic("p50", ({ p50Ms }) => p50Ms),
        ofTraffic("p95", ({ p95Ms }) => p95Ms),
        ofTraffic("p99", ({ p99Ms }) => p99Ms),
      ],
    },
    {
      title: "Throughput",
      unit: "a second",
      lines: [
        ofTraffic("requests", ({ requests, lengthSeconds }) => requests / lengthSeconds),
        ofTraffic("errors", ({ errors, lengthSeconds }) => errors / lengthSeconds),
      ],
    },
    {
      title: "CPU",
      unit: "% of all cores",
      lines: [
        ofService("service", ({ cpuShare }) => cpuShare * 100),
        ofService("machine, with servers and load generator", ({ machineCpuShare }) => machineCpuShare * 100),
      ],
    },
    {
      title: "Memory of the service",
      unit: "MB",
      lines: [ofService("resident", ({ memoryBytes }) => memoryBytes / 2 ** 20)],
    },
    { title: "Lag", unit: "events", lines: [ofService("not planned yet", ({ lag }) => lag)] },
    {
      title: "Database query",
      unit: "ms",
      lines: [ofService("p95", ({ databaseP95Ms }) => databaseP95Ms)],
    },
  ];
}
