/** A receiver that hangs is left alone after a while, so that it holds no place that others could use. */
import { expect, test } from "bun:test";
import { deadPort, startHttpSink } from "./sinks.ts";
import { createCaller } from "./webhook-caller.ts";

const timeoutMs = 50;
/** Calls without an answer until it is left alone. */
const calls = 16;

test("it is not called again for 15 s, then by one call, whose answer lets all others through again", async () => {
  await using sink = startHttpSink();
  let nowMs = Date.parse("2026-03-01T12:00:00Z");
  await using caller = createCaller({ timeoutMs, now: () => nowMs });
  const send = () => caller.call(sink.url);

  sink.answer = () => new Promise(() => {});
  const silent = await Promise.all(Array.from({ length: calls }, () => send()));
  expect(new Set(silent.map(({ kind }) => kind))).toEqual(new Set(["ambiguous"]));
  const host = new URL(sink.url).host;
  expect(await send()).toEqual({
    kind: "retry",
    answer: `not tried: ${host} left many calls in a row unanswered, and is left alone for another 15 s`,
    retryAfterMs: 15_000,
  });
  expect(sink.received).toHaveLength(calls);

  nowMs += 15_000;
  const asked = Promise.withResolvers<Response>();
  sink.answer = () => asked.promise;
  const asking = send();
  await sink.waitFor(calls + 1);
  expect((await send()).answer).toStartWith("not tried");
  asked.resolve(new Response("no", { status: 500 }));
  expect((await asking).answer).toBe("HTTP 500: no");
  sink.answer = () => new Response("ok");
  expect((await send()).kind).toBe("sent");
});

test("calls that we cut off ourselves are not held against a host", async () => {
  await using sink = startHttpSink();
  await using caller = createCaller();

  sink.answer = () => new Promise(() => {});
  const stop = new AbortController();
  const cutOff = Array.from({ length: calls + 1 }, () => caller.call(sink.url, stop.signal));
  await sink.waitFor(calls + 1);
  stop.abort();
  await Promise.all(cutOff);

  sink.answer = () => new Response("ok");
  expect((await caller.call(sink.url)).kind).toBe("sent");
});

test("calls that are refused at once are not held against a host: they take no place from others", async () => {
  await using caller = createCaller();
  const url = `http://127.0.0.1:${await deadPort()}/`;
  for (let nth = 0; nth <= calls; nth++) {
    expect((await caller.call(url)).answer).toStartWith("not connected");
  }
});
