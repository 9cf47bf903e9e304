/** deploy/Dockerfile as what an engine would do, one instruction after the other. */
import { join } from "node:path";

export const root = join(import.meta.dir, "../..");

export interface Dockerfile {
  /** Of the first stage: RUN and COPY. */
  build: { keyword: string; rest: string }[];
  /** What is taken from the first stage into the image: paths there and here, and the owner here. */
  copied: { from: string; to: string; owner: string | null }[];
  env: Record<string, string>;
  /** As `65532:65532`. */
  user: string;
  command: string[];
  health: string[];
}

/** Every instruction stands on one line. */
export async function readDockerfile(): Promise<Dockerfile> {
  const text = await Bun.file(join(root, "deploy/Dockerfile")).text();
  const instructions = [...text.matchAll(/^([A-Z]+) (.+)$/gm)].map(([, keyword = "", rest = ""]) => ({
    keyword,
    rest,
  }));
  const second = instructions.findLastIndex(({ keyword }) => keyword === "FROM");
  const build = instructions.slice(1, second);
  const image = instructions.slice(second + 1);
  const only = (keyword: string) => {
    const [found, ...more] = image.filter((one) => one.keyword === keyword);
    if (found === undefined || more.length > 0) throw new Error(`the Dockerfile has not one ${keyword}`);
    return found.rest;
  };
  const [, health = ""] = / CMD (\[.*\])$/.exec(only("HEALTHCHECK")) ?? [];
  return {
    build,
    copied: image.filter(({ keyword }) => keyword === "COPY").map(({ rest }) => copyOf(rest)),
    env: Object.fromEntries(
      only("ENV")
        .split(" ")
        .map((pair) => pair.split("=") as [string, string]),
    ),
    user: only("USER"),
    command: [...JSON.parse(only("ENTRYPOINT")), ...JSON.parse(only("CMD"))],
    health: JSON.parse(health),
  };
}

function copyOf(rest: string): Dockerfile["copied"][number] {
  const [, owner = null] = /--chown=(\S+)/.exec(rest) ?? [];
  const [from = "", to = ""] = rest.split(" ").filter((word) => !word.startsWith("--"));
  return { from, to, owner };
}
