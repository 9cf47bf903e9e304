/** A body that cannot be read, or holds too much. */
import { describe, expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { sendHalf } from "./raw-request.ts";
import {
  type Answer,
  aNotification,
  expectFaults,
  expectProblem,
  httpForAll,
  metricsOf,
  requestsInFlight,
} from "./service.ts";

const service = httpForAll();

const send = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  service.call("POST /v1/notifications", { body, ...(headers ? { headers } : {}) });
const sendWith = (changes: Record<string, unknown>) => send(aNotification(changes));

describe("what is not JSON", () => {
  test.each(['{"to": "user_1",', "", "undefined", "{'to': 1}", "\xff\xfe", '{"a": 1} x'])(
    "malformed: %p",
    async (body) =>
      expectProblem(
        await send(body, { "content-type": "application/json" }),
        "malformed_json",
        /could not be read as JSON/,
      ),
  );

  test("bytes that are no UTF-8", async () => {
    const response = await fetch(`${service.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.adminKey}`, "content-type": "application/json" },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { code: string }).code).toBe("malformed_json");
  });

  test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp"])(
    "sent as %s",
    async (type) =>
      expectProblem(await send("{}", { "content-type": type }), "unsupported_media_type", new RegExp(type)),
  );

  test("without a content type", async () => {
    const response = await fetch(`${service.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.adminKey}` },
      body: new Uint8Array([0x7b, 0x7d]),
    });
    expect(response.status).toBe(415);
    expect(((await response.json()) as { detail: string }).detail).toContain(
      "Content-Type: application/json",
    );
  });

  test("a charset after the content type is fine", async () => {
    const { status } = await send(JSON.stringify(aNotification()), {
      "content-type": "application/json; charset=utf-8",
    });
    expect(status).toBe(202);
  });
});

test("a client that goes away while it sends has made the error itself", async () => {
  const half = sendHalf(service, "POST /v1/notifications/bulk");
  await eventually(async () => (await requestsInFlight(service)) === 2); // The one that asks is counted as well.
  half.destroy();
  await eventually(async () => (await requestsInFlight(service)) === 1);

  const metrics = await metricsOf(service);
  expect(metrics).toContain('route="/v1/notifications/bulk",status="400"');
  expect(metrics).toContain('carillon_errors_total{stage="http"} 0\n');
});

describe("what is too much", () => {
  const megabyte = "x".repeat(1 << 20);

  test("a body of 1 MB", async () => {
    expectProblem(await sendWith({ body: megabyte }), "body_too_large", /at most 262144 bytes/);
  });

  test("a body of 1 MB whose length is not said", async () => {
    const text = JSON.stringify(aNotification({ body: megabyte }));
    const response = await fetch(`${service.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${service.adminKey}`, "content-type": "application/json" },
      body: new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(text));
          controller.close();
        },
      }),
    });
    expect(response.status).toBe(413);
    expect(((await response.json()) as { code: string }).code).toBe("body_too_large");
  });

  test("1,001 notifications in a bulk request", async () => {
    const body = { notifications: Array.from({ length: 1001 }, () => aNotification()) };
    expectFaults(await service.call("POST /v1/notifications/bulk", { body }), {
      "#/notifications": /at most 1000 notifications/,
    });
  });

  test("no notification in a bulk request", async () => {
    expectFaults(await service.call("POST /v1/notifications/bulk", { body: { notifications: [] } }), {
      "#/notifications": /at least one/,
    });
  });

  test.each([33, 1000, 100_000])("JSON nested %d levels deep", async (depth) => {
    const body = `{"to": "user_1", "title": "a", "body": "b", "data": {"x": ${"[".repeat(depth)}${"]".repeat(depth)}}}`;
    expectProblem(await send(body), "json_too_deep", /32 levels/);
  });

  test("a title of 501 characters, but not one of 500 that JavaScript counts twice", async () => {
    expectFaults(await sendWith({ title: "x".repeat(501) }), { "#/title": /at most 500 characters/ });
    expect((await sendWith({ title: "🔔".repeat(500) })).status).toBe(202);
    expectFaults(await sendWith({ title: "🔔".repeat(501) }), { "#/title": /at most 500 characters/ });
  });

  test("51 keys of metadata", async () => {
    const metadata = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`key_${index}`, index]));
    expectFaults(await sendWith({ metadata }), { "#/metadata": /more than 50 keys/ });
  });
});
