import { MongoClient } from "mongodb";

const timeoutMs = 3000;

/**
 * Asks a server for its version, and changes nothing.
 *
 * @throws Error that says why it cannot be used
 */
export async function probeMongo(url: string): Promise<{ version: string }> {
  const client = new MongoClient(url, {
    appName: "carillon doctor",
    serverSelectionTimeoutMS: timeoutMs,
    connectTimeoutMS: timeoutMs,
    socketTimeoutMS: timeoutMs,
  });
  try {
    await client.connect();
    const { version } = await client.db("admin").command({ buildInfo: 1 });
    return { version: String(version) };
  } finally {
    await client.close();
  }
}
