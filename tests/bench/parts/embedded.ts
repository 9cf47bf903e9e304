import { tempFolder } from "../../temp-folder.ts";
import { bulkItems } from "../bodies.ts";
import { startCarillon } from "../carillon.ts";
import { runScript } from "../child.ts";
import type { Part } from "../part.ts";
import { bareLoad, singleLoad, singleRequests, warmRequests } from "./single.ts";

const bulkRequests = 40;
const bulkWarmRequests = 5;
const bulkConcurrency = 4;

/** Without any server: PGlite, the memory's cache and event log, all in the one process. */
export const embedded: Part = async (bench) => {
  const { scaled } = bench;
  const bare = await bareLoad(bench);
  const bareRate = { name: "bare Bun.serve", value: bare.requests / bare.seconds };
  await using carillon = await startCarillon({ setup: "embedded" });
  await carillon.load({ ...singleLoad, requests: scaled(warmRequests) });
  let expected = scaled(warmRequests);
  await carillon.inInbox(expected);
  const accepted = await carillon.load({ ...singleLoad, requests: scaled(singleRequests) });
  expected += scaled(singleRequests);
  const acceptedMs = await carillon.inInbox(expected);

  const bulkLoad = { kind: "bulk", content: {}, concurrency: bulkConcurrency } as const;
  await carillon.load({ ...bulkLoad, requests: bulkWarmRequests });
  expected += bulkWarmRequests * bulkItems;
  await carillon.inInbox(expected);
  const requests = Math.ceil(scaled(bulkRequests * bulkItems) / bulkItems);
  const bulk = await carillon.load({ ...bulkLoad, requests });
  const bulkMs = await carillon.inInbox(expected + requests * bulkItems);

  return [
    {
      name: "single durable POST to the inbox alone on the embedded parts",
      value: accepted.requests / accepted.seconds,
      unit: "/s",
      yardstick: bareRate,
    },
    {
      name: "single POSTs to the inbox alone on the embedded parts, until they are there",
      value: accepted.requests / ((acceptedMs - accepted.startedMs) / 1000),
      unit: "/s",
      yardstick: bareRate,
    },
    {
      name: "bulk of 1,000 to the inbox through the event log on the embedded parts",
      value: bulk.notifications / ((bulkMs - bulk.startedMs) / 1000),
      unit: "/s",
      yardstick: {
        name: "PGlite's batched inserts",
        value: await pgliteRows(scaled(bulkRequests * bulkItems)),
      },
    },
    { name: "peak RSS on the embedded parts", value: await carillon.peakRssMb(), unit: "MB" },
  ];
};

async function pgliteRows(rows: number): Promise<number> {
  await using folder = tempFolder();
  const options = { folder: folder.path, rows };
  const { rowsPerSecond } = await runScript<{ rowsPerSecond: number }>(
    "yardsticks/pglite-inserts.ts",
    options,
  );
  return rowsPerSecond;
}
