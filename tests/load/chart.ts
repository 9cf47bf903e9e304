/** A chart over time as SVG: lines, a scale at its left, and the time below. Text and colours come from the report's style. */

export interface Line {
  name: string;
  /** By the time in seconds since the begin; NaN leaves a gap. */
  points: { atSeconds: number; value: number }[];
}

export interface Chart {
  title: string;
  unit: string;
  /** At most as many as the style has colours: four. */
  lines: Line[];
}

const width = 900;
const height = 220;
const margin = { left: 62, right: 12, top: 12, bottom: 26 };
/** More would be finer than a screen. */
const pointsMax = 600;
const ticks = 4;

/** @param seconds how long the time axis is */
export function chartSvg({ title, unit, lines }: Chart, seconds: number): string {
  const top = roundUp(
    Math.max(0, ...lines.flatMap(({ points }) => points.map(sizeOf).filter(Number.isFinite))),
  );
  const x = (atSeconds: number) =>
    margin.left + (atSeconds / Math.max(seconds, 1)) * (width - margin.left - margin.right);
  const y = (value: number) => height - margin.bottom - (value / top) * (height - margin.top - margin.bottom);
  const grid = Array.from({ length: ticks + 1 }, (_, nth) => {
    const value = (top / ticks) * nth;
    return (
      `<path class="grid" d="M${margin.left} ${y(value).toFixed(1)}H${width - margin.right}"/>` +
      `<text class="scale" x="${margin.left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${short(value)}</text>`
    );
  });
  const axis = Array.from({ length: ticks + 1 }, (_, nth) => {
    const at = (seconds / ticks) * nth;
    const anchor = nth === 0 ? "start" : nth === ticks ? "end" : "middle";
    return `<text class="scale" x="${x(at).toFixed(1)}" y="${height - 8}" text-anchor="${anchor}">${time(at, seconds)}</text>`;
  });
  const paths = lines.map(
    ({ points }, nth) => `<path class="line line${nth}" d="${pathOf(thinned(points), x, y)}"/>`,
  );
  const legend = lines.map(({ name }, nth) => `<li class="name${nth}">${name}</li>`).join("");
  return `<figure><figcaption>${title}, ${unit}<ul>${legend}</ul></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title} over time">${[...grid, ...axis, ...paths].join("")}</svg></figure>`;
}

const sizeOf = ({ value }: { value: number }) => value;

/** Of neighbours the largest: a spike is never thinned out. */
function thinned(points: Line["points"]): Line["points"] {
  const each = Math.ceil(points.length / pointsMax);
  if (each <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / each) }, (_, nth) =>
    points
      .slice(nth * each, (nth + 1) * each)
      .reduce((most, one) => (one.value > most.value || Number.isNaN(most.value) ? one : most)),
  );
}

function pathOf(points: Line["points"], x: (at: number) => number, y: (value: number) => number): string {
  let pen = "M";
  return points
    .map(({ atSeconds, value }) => {
      if (!Number.isFinite(value)) {
        pen = "M";
        return "";
      }
      const step = `${pen}${x(atSeconds).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return step;
    })
    .join("");
}

/** To 1, 2, 4, 5 or 8 times a power of ten, which four parts leave readable. */
function roundUp(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= most) ?? 10) * power;
}

const short = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

function time(atSeconds: number, ofSeconds: number): string {
  if (ofSeconds < 120) return `${Math.round(atSeconds)} s`;
  return `${short(atSeconds / 60)} min`;
}
