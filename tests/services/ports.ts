/** Ports for servers that restart: nobody else may hold them in between. */

/** Below 32768, from where Linux takes the local ports of outgoing connections. */
const lowest = 20_000;
const highest = 29_999;
const triesMax = 1_000;

/**
 * Ports of the loopback that nothing listens on, chosen at random, so that two checkouts do not meet.
 *
 * @throws Error where hardly any is free
 */
export function freePorts(count: number): number[] {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === triesMax) throw new Error(`no free port between ${lowest} and ${highest}`);
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (isFree(port)) ports.add(port);
  }
  return [...ports];
}

export function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
