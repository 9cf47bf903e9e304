/** One question in Kafka's protocol. kafkajs could ask it, and would warn of its own timers on every start. */

/** Size; api key 3 (Metadata), version 1, correlation 1, no client id; about no topic. */
const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
/** Size, correlation, then the brokers. */
const countOffset = 8;

/**
 * How many brokers of its cluster it can name; 0 while it has not joined yet.
 *
 * @throws Error where it does not listen, or ends the connection
 */
export async function brokerCount(broker: string): Promise<number> {
  const [hostname = "", port] = broker.split(":");
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(request),
      data: (_, bytes) => resolve(bytes.readInt32BE(countOffset)),
      error: (_, error) => reject(error),
      close: () => reject(new Error("the broker closed the connection")),
    },
  });
  return promise.finally(() => socket.end());
}
