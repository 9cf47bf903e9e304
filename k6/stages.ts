/** How many users there are, and when. */

interface Stage {
  minutes: number;
  /** How many there are at its end; it begins with those of the one before. */
  users: number;
}

/** With `LASTS_SECONDS` a scenario is squeezed into so many, its shape kept: to see that it runs, or that all still holds. */
const lastsSeconds = Number(__ENV.LASTS_SECONDS || Number.NaN);

export function stages(...given: Stage[]): { duration: string; target: number }[] {
  const total = given.reduce((sum, { minutes }) => sum + minutes, 0);
  return given.map(({ minutes, users }) => ({
    duration: milliseconds(minutes, total),
    target: users,
  }));
}

/** Of a scenario with the same number of users all the while. */
export const lasting = (minutes: number): string => milliseconds(minutes, minutes);

function milliseconds(minutes: number, ofMinutes: number): string {
  const minuteSeconds = Number.isNaN(lastsSeconds) ? 60 : lastsSeconds / ofMinutes;
  return `${Math.round(minutes * minuteSeconds * 1000)}ms`;
}
