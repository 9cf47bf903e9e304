/** The short forms of the scenarios, by the real k6, on the embedded parts. */
import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { createClient } from "../process/client.ts";
import { k6Scenarios } from "./k6-scenarios.ts";
import { measure } from "./measure.ts";
import { startUnderLoad } from "./service.ts";
import { expectHeld, expectServed, shortFormsTimeoutMs } from "./short-form.ts";

test.each(["smoke", "load", "soak", "mixed"] as const)(
  "%s in short is held, and every answer is in the report",
  async (name) => {
    await using underLoad = await startUnderLoad({});
    await expectHeld(k6Scenarios[name], underLoad);
  },
  shortFormsTimeoutMs,
);

// Their times say how many cores there are beside the load generator: docs/load-tests.md holds them.
test.each(["stress", "spike"] as const)(
  "%s in short is served without an error",
  async (name) => {
    await using underLoad = await startUnderLoad({});
    await expectServed(k6Scenarios[name], underLoad);
  },
  shortFormsTimeoutMs,
);

const brief = { ...k6Scenarios.smoke, shortSeconds: 3 };

test("wrong answers are errors, though their status is right, and break the run", async () => {
  await using underLoad = await startUnderLoad({});
  const { service } = underLoad;
  // Before the service, what mistakes one user for another.
  await using front = Bun.serve({
    port: 0,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      const path = pathname.replace(/^\/v1\/users\/user_(\d+)\/inbox\/count$/, "/v1/users/user_$1");
      return fetch(new Request(service.url + path + search, request), { decompress: false });
    },
  });
  const url = front.url.origin;
  const { traffic } = await measure(brief, { ...underLoad, short: true, url });
  expect(traffic.errorShare).toBeGreaterThan(0.01);
  expect(traffic.broken).toEqual(["errors: rate<0.01"]);
}, 60_000);

test("a service that ends under load ends the run, with its words", async () => {
  await using underLoad = await startUnderLoad({});
  const { service } = underLoad;
  const client = createClient({ url: service.url, key: service.adminKey });
  const ended = measure(brief, { ...underLoad, short: false }).catch((error: Error) => error.message);
  await eventually(async () => {
    const { data } = await client.call<unknown[]>("GET", "/v1/notifications?limit=1");
    return data.length > 0;
  });
  service.kill("SIGKILL");
  expect(await ended).toStartWith("the service ended with 137 while it was under load");
}, 60_000);

test("a key that the service does not take is said before anything is measured", async () => {
  await using underLoad = await startUnderLoad({});
  const service = { ...underLoad.service, url: underLoad.service.url, adminKey: "wrong" };
  const running = measure(brief, { ...underLoad, service, short: true });
  await expect(running).rejects.toThrow(/k6 could not run smoke\.ts[\s\S]*answered 401/);
}, 60_000);
