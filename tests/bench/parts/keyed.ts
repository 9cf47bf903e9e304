import { type Carillon, startCarillon } from "../carillon.ts";
import type { Sample } from "../figure.ts";
import type { Bench, Part } from "../part.ts";
import { openWorld } from "../world.ts";
import { singleLoad, singleRequests, warmRequests } from "./single.ts";

/** Asked one at a time: what a request takes where nobody else asks. */
const quietRequests = 2_000;

/** Single POSTs with an Idempotency-Key: each for the first time, then all of them again. */
export const keyed: Part = async (bench) => {
  const samples: Sample[] = [];
  {
    await using carillon = await startCarillon({ setup: "embedded" });
    samples.push(...(await keyedOn(bench, carillon)));
  }
  for (const setup of ["postgres", "all"] as const) {
    await using world = await openWorld(await bench.servers());
    await using carillon = await startCarillon({ setup, world });
    samples.push(...(await keyedOn(bench, carillon)));
  }
  return samples;
};

async function keyedOn({ scaled }: Pick<Bench, "scaled">, carillon: Carillon): Promise<Sample[]> {
  const [warm, measured, quiet] = [warmRequests, singleRequests, quietRequests].map(scaled) as [
    number,
    number,
    number,
  ];
  let made = 0;

  async function measure(
    what: string,
    keys: string,
    requests: number,
    concurrency: number,
    repeated = false,
  ) {
    const cpuBefore = await carillon.cpuSeconds();
    const result = await carillon.load({ ...singleLoad, keys, requests, concurrency });
    if (result.refused > 0) throw new Error(`${result.refused} requests were not answered with 202`);
    made += repeated ? 0 : requests;
    await carillon.inInbox(made);
    const cpuSeconds = (await carillon.cpuSeconds()) - cpuBefore;
    const on = `${what} on ${carillon.label}`;
    return [
      { name: `${on}, CPU time of the service`, value: (cpuSeconds / requests) * 1e6, unit: "µs" },
      { name: `${on}, p50`, value: result.p50, unit: "ms" },
      { name: `${on}, p99`, value: result.p99, unit: "ms" },
    ] satisfies Sample[];
  }

  const { concurrency } = singleLoad;
  await measure("warm", "warm", warm, concurrency);
  return [
    ...(await measure("a keyed POST to the inbox", "first", measured, concurrency)),
    ...(await measure("its repetition", "first", measured, concurrency, true)),
    ...(await measure("a keyed POST, one at a time", "quiet", quiet, 1)),
  ];
}
