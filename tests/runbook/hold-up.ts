import type { Service } from "../process.ts";

/** As often, and for as long, as it takes to be more than one turn in a hundred, and beyond the bound. */
const times = 3;
const heldMs = 700;
const freeMs = 20;

/** Stops a process for a moment, several times: what a computation that takes too long does to its thread. */
export async function holdUp(service: Service): Promise<void> {
  for (let nth = 0; nth < times; nth++) {
    service.kill("SIGSTOP");
    await Bun.sleep(heldMs);
    service.kill("SIGCONT");
    await Bun.sleep(freeMs);
  }
}
