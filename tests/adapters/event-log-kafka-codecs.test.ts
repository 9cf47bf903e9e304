/** What is written in any codec, others read, and the other way round. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { encodeEvent, keyOf } from "../../src/adapters/kafka-events.ts";
import type { NotificationEvent } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { many, orderByUser } from "./event-log.contract.ts";
import { kafkaWorld, kcat } from "./kafka-world.ts";

setDefaultTimeout(30_000); // A group takes a few seconds to form where others keep the machine busy.

describe("another client", () => {
  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "reads what we write with %s, and we read it",
    async (codec) => {
      await using world = kafkaWorld();
      const { log, metric } = world.open({ KAFKA_COMPRESSION: codec });
      const events = many(2000);
      expect(await log.publishBuffered(events)).toBe(events.length);
      await eventually(async () => (await metric("events_published_total")) === events.length);

      const topic = `${world.prefix}.normal`;
      const read = await kcat(world.brokers, [
        "-C",
        "-e",
        "-q",
        "-t",
        topic,
        "-o",
        "beginning",
        "-f",
        "%k\t%s\n",
      ]);
      expect(read.trim().split("\n").sort()).toEqual(
        events.map((event) => `${keyOf(event)}\t${encodeEvent(event)}`).sort(),
      );

      await kcat(world.brokers, ["-P", "-t", `${world.prefix}.high`, "-z", codec, "-K", "\t"], read);
      const handled: NotificationEvent[] = [];
      await log.consume(async (batch, lane) => {
        if (lane === "high") handled.push(...batch);
      });
      await eventually(() => handled.length >= events.length);
      expect(orderByUser(handled)).toEqual(orderByUser(events));
    },
  );
});
