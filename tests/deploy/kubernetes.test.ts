/** The example for Kubernetes against Kubernetes' own schemas, and against what a stop takes. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { IDeployment } from "kubernetes-models/apps/v1";
import { settings } from "../../src/config.ts";
import { root } from "./dockerfile.ts";

const folder = join(root, "deploy/kubernetes");

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

type Model = new (manifest: Manifest) => { validate(): void };

const read = async <T>(file: string) => Bun.YAML.parse(await Bun.file(join(folder, file)).text()) as T;

test.each(readdirSync(folder))("%s is valid", async (file) => {
  const manifest = await read<Manifest>(file);
  const models = (await import(`kubernetes-models/${manifest.apiVersion}`)) as Record<string, Model>;
  const Kind = models[manifest.kind];
  if (Kind === undefined) throw new Error(`${manifest.apiVersion} has no ${manifest.kind}`);
  new Kind(manifest).validate();
});

test("all of it is about the same pods", async () => {
  const labels = { "app.kubernetes.io/name": "carillon" };
  const { spec } = await read<IDeployment>("deployment.yaml");
  expect(spec?.template.metadata?.labels).toEqual(labels);
  expect(spec?.selector).toEqual({ matchLabels: labels });
  expect(await read("service.yaml")).toMatchObject({ spec: { selector: labels } });
  expect(await read("disruption.yaml")).toMatchObject({ spec: { selector: { matchLabels: labels } } });
  expect(await read("autoscaler.yaml")).toMatchObject({
    spec: { scaleTargetRef: { kind: "Deployment", name: "carillon" } },
  });
});

test("a pod is not killed while it leaves and drains", async () => {
  const { spec } = await read<IDeployment>("deployment.yaml");
  const pod = spec?.template.spec;
  const leaveMs = Number(pod?.containers[0]?.env?.find(({ name }) => name === "LEAVE_MS")?.value);
  expect(leaveMs).toBeGreaterThan(0);
  // What serve.ts allows for requests under way and for the rest.
  const stopMs = leaveMs + Number(settings.drainMs.default) + 2400;
  expect((pod?.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan(stopMs);
});
