/** A server of MongoDB's protocol on one file: no MongoDB is on the registries, but mongo-java-server is. */
import { join } from "node:path";
import { classPath } from "./download.ts";
import { clientPort, type Recipe } from "./recipe.ts";

const heapMb = 256;
/** It tells of every connection otherwise. */
const logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";

/** @throws Missing */
export async function mongodb(): Promise<Recipe> {
  const source = join(import.meta.dir, "mongodb");
  const classes = await classPath("mongodb", source);
  const pom = await Bun.file(join(source, "pom.xml")).text();
  const [, version] = /h2-backend<\/artifactId>\s*<version>(.*)</.exec(pom) ?? [];
  return {
    name: "mongodb",
    version: `mongo-java-server ${version}`,
    portCount: 1,
    format: async () => {},
    command: (place) => [
      ...["java", `-Xmx${heapMb}m`, logging, "-cp", classes],
      ...["Main", String(clientPort(place)), join(place.folder, "data.mv")],
    ],
    signals: { stop: "SIGTERM", discard: "SIGKILL" },
  };
}
