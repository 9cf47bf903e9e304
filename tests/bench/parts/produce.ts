import { runScript } from "../child.ts";
import type { Part } from "../part.ts";
import { openWorld } from "../world.ts";
import type { ProduceOptions, ProduceResult } from "../yardsticks/produce.ts";

const events = 200_000;

/** Events into Kafka as the service publishes them, beside kafkajs alone. */
export const produce: Part = async ({ servers, scaled }) => {
  const { kafkaBrokers } = await servers();
  await using world = await openWorld(await servers());
  const rateOf = async (how: ProduceOptions["how"]) => {
    const options: ProduceOptions = {
      how,
      brokers: kafkaBrokers,
      prefix: world.kafkaPrefix,
      events: scaled(events),
    };
    return (await runScript<ProduceResult>("yardsticks/produce.ts", options)).eventsPerSecond;
  };
  // The service first: it makes the topics, as it is set to.
  const value = await rateOf("service");
  const yardstick = { name: "kafkajs, 500 a send", value: await rateOf("raw") };
  const name = "events published to Kafka";
  return [
    { name, value, unit: "/s", yardstick, aim: { of: "ratio", atLeast: 0.8 } },
    { name: `${name}, the guide's aim`, value, unit: "/s", aim: { of: "value", atLeast: 10_000 } },
  ];
};
