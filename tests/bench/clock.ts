/** Milliseconds since the Unix epoch with their fraction, so that processes of one machine compare times. */
export const epochMs = (): number => performance.timeOrigin + performance.now();
