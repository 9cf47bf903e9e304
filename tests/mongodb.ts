/** A MongoDB of the test's own: a database on the shared server, behind a line that the test can cut. */
import net from "node:net";
import { MongoClient } from "mongodb";

export interface TestMongo extends AsyncDisposable {
  /** To be given to the product. */
  url: string;
  /** Straight to the server, past the line. */
  client: MongoClient;
  /** From now on nobody gets through; what is connected is cut off. */
  cut(): void;
  /** From now on connections stay and nothing comes through. Resolves once a statement was held up. */
  hang(): Promise<void>;
  mend(): void;
}

/** What the product's statements name. */
const collection = "notifications";

let count = 0;

export async function startMongo(): Promise<TestMongo> {
  const server = process.env.TEST_MONGODB_URL;
  if (server === undefined) throw new Error("set TEST_MONGODB_URL to a MongoDB that tests may write to");
  const { hostname, port } = new URL(server);
  count += 1;
  const name = `carillon_test_${process.pid}_${count}_${Date.now()}`;
  const line = await openLine(hostname, Number(port || 27_017));
  const client = new MongoClient(`${server.replace(/\/$/, "")}/${name}`);
  return {
    url: `mongodb://127.0.0.1:${line.port}/${name}`,
    client,
    cut: line.cut,
    hang: line.hang,
    mend: line.mend,
    async [Symbol.asyncDispose]() {
      await client.db().dropDatabase();
      await client.close();
      await line.close();
    },
  };
}

async function openLine(host: string, port: number) {
  const connected = new Set<net.Socket>();
  let whole = true;
  let onHeldUp: (() => void) | null = null;
  const server = net.createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = net.connect(port, host);
    connected.add(near);
    near.on("data", (bytes) => {
      if (onHeldUp === null) far.write(bytes);
      else if (bytes.includes(collection)) onHeldUp(); // Else the driver asks how the server is.
    });
    far.pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
    far.on("close", () => near.destroy());
    near.on("close", () => {
      connected.delete(near);
      far.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cutOff = () => {
    for (const socket of connected) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    cut() {
      whole = false;
      cutOff();
    },
    hang() {
      const { promise, resolve } = Promise.withResolvers<void>();
      onHeldUp = resolve;
      return promise;
    },
    mend() {
      whole = true;
      if (onHeldUp !== null) cutOff(); // What was held up is lost.
      onHeldUp = null;
    },
    async close() {
      cutOff();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
