/** What doctor says of a service that runs, or does not; what is wrong with one is caused in runbook/. */
import { expect, test } from "bun:test";
import { carillon } from "./command-line.ts";
import { startService } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";

const seconds = ["--seconds", "0.3"];

interface Report {
  ok: boolean;
  findings: { check: string; level: string; found: string; entry: string | null }[];
}

test("doctor looks at the service of the same settings, and finds it well", async () => {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path });
  await service.ready;
  const { port } = new URL(service.url);
  const { stdout } = await carillon(["doctor", "--json", ...seconds], {
    cwd: folder.path,
    env: { PORT: port, HOST: "0.0.0.0" },
  });
  const { findings }: Report = JSON.parse(stdout);
  const at = findings.findIndex(({ check }) => check === "service");
  expect(findings[at]?.found).toMatch(/^http:\/\/127\.0\.0\.1:\d+ is ready, up for [\d.]+ m?s\.$/);
  // The machine's own CPU and memory are whatever others take.
  const shared = ["cpu", "memory", "disk left"];
  const judged = findings.slice(at).filter(({ check }) => !shared.includes(check));
  // Nobody has asked it anything, so there are no errors to count.
  expect(judged.map(({ check }) => check).toSorted()).toEqual([
    "attempts",
    "due",
    "event loop",
    "failures",
    "hit rate",
    "own errors",
    "pending",
    "queues",
    "responses",
    "service",
    "slow ones",
    "statements",
    "workers",
  ]);
  expect(judged.filter(({ level }) => level !== "ok")).toEqual([]);
});

test("doctor says that no service runs, and fails only where one was said to", async () => {
  await using folder = tempFolder();
  const nowhere = { cwd: folder.path, env: { PORT: "9" } };
  const before = await carillon(["doctor"], nowhere);
  expect(before.stdout).toMatch(
    /^ok +service +nothing answers at http:\/\/127\.0\.0\.1:9, so no running service was looked at\.$/m,
  );
  const asked = await carillon(["doctor", "--url", "http://127.0.0.1:9/"], nowhere);
  expect(asked.code).toBe(1);
  expect(asked.stdout).toMatch(
    /^FAIL +service +nothing answers at http:\/\/127\.0\.0\.1:9\. .* See docs\/runbook\.md#not-running\.$/m,
  );
  expect(asked.stdout).toMatch(/\n\n\d+ FAIL, \d+ warn, \d+ ok\.\n$/);
});

/** What only says what a service would, for figures that a test cannot bring about. */
function startImpostor(metrics: () => string) {
  return Bun.serve({
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/metrics") return new Response(metrics());
      return Response.json({ data: { status: pathname === "/healthz" ? "alive" : "ready" } });
    },
  });
}

test("doctor says the worst first, and judges by what is beyond the bounds", async () => {
  let cpuSeconds = 100;
  let shed = 0;
  await using service = startImpostor(() => {
    // In the short time between the two readings.
    cpuSeconds += 0.5;
    shed += 1;
    return [
      "process_resident_memory_bytes 81",
      "carillon_memory_limit_bytes 100",
      "carillon_pending_oldest_seconds 301",
      "carillon_due_oldest_seconds 300",
      'carillon_kafka_lag{lane="high"} 101',
      'carillon_kafka_lag{lane="low"} 100',
      "carillon_kafka_reachable 1",
      'carillon_errors_total{stage="http"} 1000', // Long ago: none of them between the two.
      `carillon_requests_shed_total{what="low",full="wait"} ${shed}`,
      `carillon_http_request_seconds_bucket{route="/v1/notifications",le="+Inf"} ${10 * shed}`,
      "carillon_cpus 1",
      `process_cpu_seconds_total ${cpuSeconds}`,
    ].join("\n");
  });
  const args = ["doctor", "--json", "--url", service.url.href, ...seconds];
  const { code, stdout } = await carillon(args, { env: { PORT: "0" } });
  expect(code).toBe(1);
  const { findings }: Report = JSON.parse(stdout);
  const ofService = findings.slice(findings.findIndex(({ check }) => check === "webhook") + 1);
  const bad = ofService.filter(({ level }) => level !== "ok");
  expect(bad.map(({ level, entry }) => `${level} ${entry}`)).toEqual([
    "fail old-pending",
    "fail cpu",
    "warn overloaded",
    "warn lag",
    "warn memory",
  ]);
  expect(ofService.slice(0, bad.length)).toEqual(bad);
  expect(bad[3]?.found).toBe("lag 101 in the lane high, the largest (target 100).");
});

test("doctor counts from 0 what a service says that was started anew between the two readings", async () => {
  const lives = [
    { startedAt: 1000, requests: 100 },
    { startedAt: 2000, requests: 7 },
  ];
  let readings = 0;
  await using service = startImpostor(() => {
    const { startedAt, requests } = lives[readings] ?? { startedAt: 0, requests: 0 };
    readings += 1;
    return [
      `process_start_time_seconds ${startedAt}`,
      `carillon_http_request_seconds_bucket{route="/v1/notifications",status="500",le="0.1"} ${requests}`,
      `carillon_http_request_seconds_bucket{route="/v1/notifications",status="500",le="+Inf"} ${requests}`,
      `carillon_http_request_seconds_count{route="/v1/notifications",status="500"} ${requests}`,
    ].join("\n");
  });
  const { stdout } = await carillon(["doctor", "--url", service.url.href, ...seconds], {
    env: { PORT: "0" },
  });

  expect(stdout).toMatch(/^ok +responses +p95 95 ms of 7 requests in /m);
  expect(stdout).toMatch(/^FAIL +errors +100 % of 7 requests /m);
});

test("doctor does not take something else for the service", async () => {
  await using other = Bun.serve({ port: 0, fetch: () => Response.json({ data: { status: "fine" } }) });
  const { stdout } = await carillon(["doctor", "--url", other.url.href], { env: { PORT: "0" } });
  expect(stdout).toMatch(/^warn +service +What answers at \S+ is no Carillon\./m);
});

test.each([
  ["--url", "nowhere"],
  ["--seconds", "0"],
  ["--seconds", "61"],
  ["--seconds", "long"],
])("doctor refuses %s %s", async (option, value) => {
  const { code, stdout, stderr } = await carillon(["doctor", option, value]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(option);
});
