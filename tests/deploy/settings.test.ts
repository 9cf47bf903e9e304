/** What the deployments tell the service: settings that there are, secrets that whoever deploys it must choose. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { settings } from "../../src/config.ts";
import { readDockerfile, root } from "./dockerfile.ts";

const known: string[] = Object.values(settings).map(({ name }) => name);
const text = (path: string) => Bun.file(join(root, "deploy", path)).text();

interface ComposeService {
  image: string;
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
}

const compose = async () =>
  Bun.YAML.parse(await text("compose.yaml")) as { services: Record<string, ComposeService>; volumes: object };

test("every setting that a deployment names is one", async () => {
  const [, inUnit = ""] = /^Environment=(.*)$/m.exec(await text("carillon.service")) ?? [];
  const inExample = (await text("compose.env.example")).matchAll(/^#?([A-Z_]+)=/gm);
  const { services } = await compose();
  const ofServers = Object.values(services).flatMap(({ environment = {} }) => variablesIn(environment));
  const { spec } = (await manifest("deployment.yaml")) as Deployment;
  const [container] = spec.template.spec.containers;
  expect(namesIn(inUnit.split(" "))).toEqual(["DATA_DIR", "HOST", "PORT"]);
  expect(known).toEqual(expect.arrayContaining(namesIn(inUnit.split(" "))));
  expect(known).toEqual(expect.arrayContaining(Object.keys((await readDockerfile()).env)));
  expect(known).toEqual(expect.arrayContaining(Object.keys(services.carillon?.environment ?? {})));
  expect(known).toEqual(expect.arrayContaining(container?.env.map(({ name }) => name) ?? []));
  expect([...inExample].map(([, name]) => name).sort()).toEqual([...new Set(ofServers)].sort());
});

describe("deploy/compose.yaml", () => {
  test("has no password of its own, and does not start without one", async () => {
    const { services } = await compose();
    const environments = Object.values(services).flatMap(({ environment = {} }) =>
      Object.entries(environment),
    );
    const secrets = environments.filter(
      ([name, value]) => /PASSWORD|SECRET|KEY$|AUTH$/.test(name) || /^\w+:\/\/.*:.*@/.test(String(value)),
    );
    expect(secrets.length).toBeGreaterThanOrEqual(7);
    expect(secrets.filter(([, value]) => !/\$\{\w+:\?[^}]+\}/.test(String(value)))).toEqual([]);
  });

  test("opens ports to this machine alone, and names a version of everything that others build", async () => {
    const { services } = await compose();
    const all = Object.entries(services);
    expect(
      all.flatMap(([, { ports = [] }]) => ports).filter((port) => !port.startsWith("127.0.0.1:")),
    ).toEqual([]);
    expect(
      all
        .filter(([name, { image }]) => name !== "carillon" && !/:v?\d/.test(image))
        .map(([, { image }]) => image),
    ).toEqual([]);
  });

  test("mounts files that there are", async () => {
    const { services } = await compose();
    const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.filter((mount) => mount.startsWith("./")).map((mount) => mount.split(":")[0] ?? ""),
    );
    expect(mounted).not.toEqual([]);
    expect(mounted.filter((path) => !existsSync(join(root, "deploy", path)))).toEqual([]);
  });

  test("keeps what must last in volumes that it declares", async () => {
    const { services, volumes } = await compose();
    const named = Object.values(services).flatMap(({ volumes: mounts = [] }) =>
      mounts.filter((mount) => !mount.startsWith("./")).map((mount) => mount.split(":")[0] ?? ""),
    );
    expect(named.sort()).toEqual(Object.keys(volumes).sort());
  });
});

/** `${NAME…}` in the values. */
const variablesIn = (environment: Record<string, string | number>) =>
  Object.values(environment).flatMap((value) =>
    [...String(value).matchAll(/\$\{(\w+)/g)].map(([, name = ""]) => name),
  );

const namesIn = (pairs: string[]) => pairs.map((pair) => pair.split("=")[0] ?? "");

interface Deployment {
  spec: { template: { spec: { containers: { env: { name: string }[] }[] } } };
}

const manifest = async (file: string) => Bun.YAML.parse(await text(`kubernetes/${file}`));
