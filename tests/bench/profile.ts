import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { tempFolder } from "../temp-folder.ts";
import { bulkItems } from "./bodies.ts";
import { type Carillon, startCarillon } from "./carillon.ts";
import type { Bench } from "./part.ts";
import { startReceiver } from "./receiver.ts";
import { openWorld, type Setup, setupNames } from "./world.ts";

/** Where the service's CPU time goes, by Bun's own profiler: the main thread's, function by function. */

const shownFunctions = 30;
const singleRequests = 20_000;
const bulkRequests = 100;
const sinkRequests = 20;
const root = join(import.meta.dir, "../..");

/** What is done while the profiler looks. */
const loads: Record<string, (carillon: Carillon, bench: Bench, hookUrl: string) => Promise<unknown>> = {
  async "single POSTs to the inbox through the event log"(carillon, { scaled }) {
    const requests = scaled(singleRequests);
    await carillon.load({ kind: "single", content: {}, concurrency: 64, requests });
    await carillon.inInbox(requests);
  },
  async "bulk of 1,000 to the inbox alone"(carillon) {
    await carillon.load({
      kind: "bulk",
      content: { channel: "inbox" },
      concurrency: 4,
      requests: bulkRequests,
    });
    await carillon.inInbox(bulkRequests * bulkItems);
  },
  async "bulk of 1,000 to the HTTP sink"(carillon, _, hookUrl) {
    await carillon.saveUsers(hookUrl);
    await carillon.load({
      kind: "bulk",
      content: { channel: "webhook" },
      concurrency: 4,
      requests: sinkRequests,
    });
    await carillon.closed(sinkRequests * bulkItems);
  },
};

export async function profile(bench: Bench): Promise<void> {
  for (const setup of ["postgres", "all"] satisfies Setup[]) {
    for (const [name, load] of Object.entries(loads)) {
      await using world = await openWorld(await bench.servers());
      await using folder = tempFolder();
      await using receiver = await startReceiver();
      const flags = ["--cpu-prof", `--cpu-prof-dir=${folder.path}`];
      await using carillon = await startCarillon({ world, setup, flags });
      await load(carillon, bench, receiver.hookUrl);
      await carillon.stop();
      for (const file of await readdir(folder.path)) {
        console.log(`\n${name} on ${setupNames[setup]}, ${file}:`);
        console.table(topOf((await Bun.file(join(folder.path, file)).json()) as CpuProfile));
      }
    }
  }
}

/** As Chrome's tools write it. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** The functions that the thread was in most, without those that they called; of the time that it was busy. */
function topOf({ nodes, samples, timeDeltas }: CpuProfile): Record<string, { self: string; ms: string }> {
  const nameOf = new Map(nodes.map(({ id, callFrame }) => [id, wordsOf(callFrame)]));
  const selfUs = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const name = nameOf.get(sample) ?? "?";
    selfUs.set(name, (selfUs.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  for (const idle of ["(idle)", "(root)"]) selfUs.delete(idle);
  const busyUs = selfUs.values().reduce((sum, us) => sum + us, 0);
  const sorted = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, shownFunctions);
  return Object.fromEntries(
    sorted.map(([name, us]) => [
      name,
      { self: `${((us / busyUs) * 100).toFixed(1)} %`, ms: (us / 1000).toFixed(0) },
    ]),
  );
}

function wordsOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const file = url.startsWith("file://") ? relative(root, Bun.fileURLToPath(url)) : url;
  const place = file === "" ? "" : ` ${file.replace(/^node_modules\//, "")}:${lineNumber + 1}`;
  return `${functionName || "(anonymous)"}${place}`;
}
