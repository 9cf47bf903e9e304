/** What a receiver's answer, or its silence, means for a webhook. */
import { describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import type { Lookup } from "../../src/channels/webhook-address.ts";
import { eventually } from "../eventually.ts";
import { aMessage } from "./message.ts";
import { deadPort, startHttpSink, startTcpSink } from "./sinks.ts";
import { callOnce, createCaller, loopback, secret } from "./webhook-caller.ts";

describe("a receiver's answer", () => {
  test("of 200 means sent, and what came is signed", async () => {
    await using sink = startHttpSink();

    expect(await callOnce(`${sink.url}/hook?a=b`)).toEqual({ kind: "sent", answer: "HTTP 200" });
    const [call] = await sink.waitFor(1);
    expect(`${call?.method} ${call?.path}`).toBe("POST /hook?a=b");
    expect(call?.headers.get("content-type")).toBe("application/json");
    expect(call?.headers.get("user-agent")).toBe("Carillon");
    expect(call?.headers.get("webhook-id")).toBe(aMessage().deliveryId);
    const verified = new Webhook(secret).verify(call?.body ?? "", Object.fromEntries(call?.headers ?? []));
    expect(verified).toHaveProperty("data.id", aMessage().notificationId);
  });

  test.each([
    [204, { kind: "sent", answer: "HTTP 204" }],
    [400, { kind: "retry", answer: "HTTP 400: why" }],
    [404, { kind: "retry", answer: "HTTP 404: why" }],
    [408, { kind: "retry", answer: "HTTP 408: why" }],
    [410, { kind: "failed", answer: "HTTP 410: why", reason: "gone" }],
    [429, { kind: "retry", answer: "HTTP 429: why" }],
    [500, { kind: "retry", answer: "HTTP 500: why" }],
    [503, { kind: "retry", answer: "HTTP 503: why" }],
  ] as const)("of %d becomes an outcome", async (status, expected) => {
    await using sink = startHttpSink();
    sink.answer = () => new Response(status === 204 ? null : "why", { status });

    expect(await callOnce(sink.url)).toEqual(expected);
  });

  test.each([
    ["120", 120_000],
    ["Sun, 01 Mar 2026 12:00:30 GMT", 30_000],
    ["999999", 24 * 3600 * 1000],
  ])("can ask for a wait by Retry-After: %s", async (retryAfter, retryAfterMs) => {
    await using sink = startHttpSink();
    sink.answer = () => new Response("", { status: 429, headers: { "retry-after": retryAfter } });
    const now = () => Date.parse("2026-03-01T12:00:00Z");

    expect(await callOnce(sink.url, { now })).toEqual({ kind: "retry", answer: "HTTP 429:", retryAfterMs });
  });

  test("can ask for a wait twice, as through a proxy that adds its own, and the first counts", async () => {
    await using sink = await startTcpSink({
      onData: (socket) =>
        socket.write("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"),
    });

    const outcome = await callOnce(`http://127.0.0.1:${sink.port}/`);

    expect(outcome).toEqual({ kind: "retry", answer: "HTTP 503:", retryAfterMs: 120_000 });
  });

  test("is kept short, on one line, and without our secret", async () => {
    await using sink = startHttpSink();
    const key = secret.slice("whsec_".length);
    sink.answer = () => new Response(`no\r\n\0\x1b[31m ${key} ${"é".repeat(3000)}`, { status: 500 });

    const { answer } = await callOnce(sink.url);

    expect(answer).toStartWith("HTTP 500: no [31m [secret] ééé");
    expect(answer).toHaveLength(500);
  });

  test("that redirects is not followed, and the answer says what to change", async () => {
    await using target = startHttpSink();
    await using sink = startHttpSink();
    sink.answer = () => Response.redirect(`${target.url}/private`, 307);

    const outcome = await callOnce(sink.url);

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toContain("redirects are not followed, so give the final address");
    expect(outcome.answer).toContain(target.url);
    expect(target.received).toHaveLength(0);
  });

  test("without end does not hold us", async () => {
    await using sink = startHttpSink();
    const cancelled = Promise.withResolvers<void>();
    let chunks = 0;
    const endless = new ReadableStream({
      pull(stream) {
        chunks += 1;
        stream.enqueue(new Uint8Array(65536));
      },
      cancel: () => cancelled.resolve(),
    });
    sink.answer = () => new Response(endless);

    expect(await callOnce(sink.url)).toEqual({ kind: "sent", answer: "HTTP 200" });
    await cancelled.promise;
    // What the sockets' buffers hold, 6 MB at most, and not what a second carries.
    expect(chunks).toBeLessThan(200);
  });

  test("that falls silent after its head counts by its status", async () => {
    await using sink = await startTcpSink({
      onData: (socket) => socket.write("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf"),
    });

    const outcome = await callOnce(`http://127.0.0.1:${sink.port}/`, { timeoutMs: 60_000 });

    expect(outcome).toEqual({ kind: "retry", answer: "HTTP 500: half" });
  });

  test("that breaks off after its head counts by its status", async () => {
    await using sink = await startTcpSink({
      onData: (socket) => socket.end("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf"),
    });

    const outcome = await callOnce(`http://127.0.0.1:${sink.port}/`);

    expect(outcome).toEqual({ kind: "retry", answer: "HTTP 500: half" });
  });
});

describe("no answer", () => {
  test("since nobody listens means that nothing was sent", async () => {
    const outcome = await callOnce(`http://127.0.0.1:${await deadPort()}/`);

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toContain("ECONNREFUSED");
  });

  test("since the name has no address means that nothing was sent", async () => {
    const lookup = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));

    expect(await callOnce("http://hooks.example/", { lookup })).toEqual({
      kind: "retry",
      answer: "not connected: ENOTFOUND no such name",
    });
  });

  test("of the name server within the limit means that nothing was sent", async () => {
    const lookup: Lookup = () => new Promise(() => {});

    expect(await callOnce("http://hooks.example/", { lookup, timeoutMs: 100 })).toEqual({
      kind: "retry",
      answer: "not connected: no answer within 100 ms",
    });
  });

  test("to the TLS handshake within the limit means that nothing was sent", async () => {
    await using silent = await startTcpSink();

    expect(await callOnce(`https://127.0.0.1:${silent.port}/`, { timeoutMs: 100 })).toEqual({
      kind: "retry",
      answer: "not connected: no answer within 100 ms",
    });
  });

  test("within the limit once connected means that it may have been taken", async () => {
    await using sink = startHttpSink();
    sink.answer = () => new Promise(() => {});

    const outcome = await callOnce(sink.url, { timeoutMs: 200 });

    expect(outcome).toEqual({ kind: "ambiguous", answer: "connected, then: no answer within 200 ms" });
    expect(sink.received).toHaveLength(1);
  });

  test.each(["reset", "close", "nonsense"] as const)(
    "but a %s once connected means that it may have been taken",
    async (end) => {
      await using sink = await startTcpSink({
        onData(socket) {
          if (end === "reset") socket.resetAndDestroy();
          else if (end === "close") socket.end();
          else socket.end("nonsense\r\n\r\n");
        },
      });

      const outcome = await callOnce(`http://127.0.0.1:${sink.port}/`);

      expect(outcome.kind).toBe("ambiguous");
      expect(sink.received).toHaveLength(1);
    },
  );

  test("but headers without end means that it may have been taken, and does not hold us", async () => {
    await using sink = await startTcpSink({
      onData(socket) {
        socket.write("HTTP/1.1 200 OK\r\n");
        const more = () => {
          while (!socket.destroyed && socket.write(`X: ${"a".repeat(4096)}\r\n`));
        };
        socket.on("drain", more);
        more();
      },
    });

    expect((await callOnce(`http://127.0.0.1:${sink.port}/`)).kind).toBe("ambiguous");
  });

  test("since we stopped waiting for it settles at once", async () => {
    await using sink = startHttpSink();
    sink.answer = () => new Promise(() => {});
    await using caller = createCaller();
    const stop = new AbortController();
    const outcome = caller.call(sink.url, stop.signal);
    await sink.waitFor(1);
    stop.abort();

    expect(await outcome).toEqual({ kind: "ambiguous", answer: "connected, then: stopped by Carillon" });
  });

  test("since we had stopped before means that nothing was sent", async () => {
    await using sink = startHttpSink();
    await using caller = createCaller();

    expect(await caller.call(sink.url, AbortSignal.abort())).toEqual({
      kind: "retry",
      answer: "stopped by Carillon",
    });
    expect(sink.received).toHaveLength(0);
  });

  test("to a handshake that an aborted call began means that nothing was sent", async () => {
    await using silent = await startTcpSink();
    const stop = new AbortController();
    const lookup: Lookup = (name) => {
      stop.abort(); // Before the request has its socket.
      return loopback(name);
    };
    await using caller = createCaller({ lookup, timeoutMs: 200 });
    const url = `https://hooks.example:${silent.port}/`;

    expect((await caller.call(url, stop.signal)).kind).toBe("retry");
    expect((await caller.call(url)).kind).toBe("retry");
  });

  test("before the connection stood means that nothing is sent over it later", async () => {
    let heard = 0;
    await using sink = await startTcpSink({
      onData(socket) {
        heard += 1;
        socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      },
    });
    const named = Promise.withResolvers<void>();
    const lookup: Lookup = (name) => named.promise.then(() => loopback(name));
    await using caller = createCaller({ lookup, connections: 1, timeoutMs: 50 });
    const url = `http://hooks.example:${sink.port}/`;

    expect(await caller.call(url)).toEqual({
      kind: "retry",
      answer: "not connected: no answer within 50 ms",
    });
    named.resolve();
    await sink.waitFor(1);
    // Over the same connection, after it.
    await eventually(async () => (await caller.call(url)).kind === "sent");
    expect(heard).toBe(1);
  });
});
