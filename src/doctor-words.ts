/** Figures as doctor says them. */

export function secondsIn(seconds: number): string {
  if (seconds <= 0) return "0 s";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export const percent = (ratio: number) => `${Number((ratio * 100).toFixed(ratio < 0.1 ? 1 : 0))} %`;
export const megabytes = (bytes: number) => `${count(bytes / 1024 ** 2)} MB`;
export const count = (value: number) => Math.round(value).toLocaleString("en");
export const several = (number: number, one: string, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;
