/** A real Prometheus on the shipped configuration, for one test. */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";
import { prometheusProgram } from "./promtool.ts";

export const monitoring = join(import.meta.dir, "../../deploy/monitoring");

/** Between scrapes, and between evaluations of the rules. */
const intervalSeconds = 1;

interface Options {
  /** What it scrapes instead of the shipped address. */
  target: string;
  /** Changes a file of rules before it is used. */
  rules?(text: string): string;
}

export interface Sample {
  metric: Record<string, string>;
  value: number;
}

export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  health: string;
  lastError?: string;
}

export interface Prometheus extends AsyncDisposable {
  query(expression: string): Promise<Sample[]>;
  rules(): Promise<Rule[]>;
  /** The names of the alerts that fire. */
  firing(): Promise<string[]>;
}

/** Debian's (apt-get install prometheus). It scrapes and evaluates every second instead of every 15. */
export async function startPrometheus({ target, rules = (text) => text }: Options): Promise<Prometheus> {
  const folder = tempFolder();
  const shipped = await Bun.file(join(monitoring, "prometheus.yml")).text();
  const config = shipped.replaceAll("15s", `${intervalSeconds}s`).replace("carillon:3000", target);
  await Bun.write(join(folder.path, "prometheus.yml"), config);
  for (const file of new Bun.Glob("rules/*.yml").scanSync(monitoring)) {
    await Bun.write(join(folder.path, file), rules(await Bun.file(join(monitoring, file)).text()));
  }
  const [port = 0] = freePorts(1);
  const child = Bun.spawn(
    [
      prometheusProgram(),
      `--config.file=${join(folder.path, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const killing = onceGone("kill", "-KILL", String(child.pid));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok);

  async function ask<Data>(path: string): Promise<Data> {
    const response = await fetch(`${url}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data: Data; error?: string };
    if (error !== undefined) throw new Error(`${path}: ${error}`);
    return data;
  }

  return {
    async query(expression) {
      const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      );
      return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>("rules");
      return groups.flatMap((group) => group.rules);
    },
    async firing() {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>("alerts");
      return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      killing.cancel();
      await folder[Symbol.asyncDispose]();
    },
  };
}
