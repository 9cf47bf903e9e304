/** Where webhooks may go, and over which connections. */
import { describe, expect, test } from "bun:test";
import { setImmediate } from "node:timers/promises";
import type { Lookup } from "../../src/channels/webhook-address.ts";
import { issueCertificates } from "./certificates.ts";
import { startHttpSink, startTcpSink } from "./sinks.ts";
import { callOnce, connections, createCaller, loopback } from "./webhook-caller.ts";

describe("a private address", () => {
  const strict = { allowPrivate: false };

  test.each(["127.0.0.1", "0x7f000001", "[::ffff:127.0.0.1]", "localhost"])(
    "written as %s is never connected to",
    async (host) => {
      await using sink = await startTcpSink();

      const outcome = await callOnce(`http://${host}:${sink.port}/`, strict);

      expect(outcome).toMatchObject({ kind: "failed", reason: "private_address" });
      expect(sink.received).toHaveLength(0);
    },
  );

  test("behind a public name is never connected to", async () => {
    await using sink = await startTcpSink();

    expect(await callOnce(`http://hooks.example:${sink.port}/`, { ...strict, lookup: loopback })).toEqual({
      kind: "failed",
      reason: "private_address",
      answer: "hooks.example is not a public address",
    });
    expect(sink.received).toHaveLength(0);
  });

  test("that comes with a later DNS answer is never connected to, though the name was public before", async () => {
    await using sink = await startTcpSink();
    const stop = new AbortController();
    const answers = ["8.8.8.8", "127.0.0.1"];
    const lookup: Lookup = async () => {
      // The first call ends here, so that no test ever knocks at a public address.
      await setImmediate();
      stop.abort();
      return [{ address: answers.shift() ?? "", family: 4 }];
    };
    await using caller = createCaller({ ...strict, lookup });
    const url = `http://hooks.example:${sink.port}/`;

    expect(await caller.call(url, stop.signal)).toEqual({
      kind: "retry",
      answer: "not connected: stopped by Carillon",
    });
    expect(await caller.call(url)).toMatchObject({ kind: "failed", reason: "private_address" });
    expect(answers).toEqual([]);
    expect(sink.received).toHaveLength(0);
  });

  test("is fine where private addresses are allowed", async () => {
    await using sink = startHttpSink();

    expect((await callOnce(`http://hooks.example:${sink.port}/`, { lookup: loopback })).kind).toBe("sent");
    expect(sink.received[0]?.headers.get("host")).toBe(`hooks.example:${sink.port}`);
  });
});

/** One that was used is free again a turn of the loop later, so that a call right after the last takes another. */
const inTurn = 2;

describe("a connection", () => {
  test("is used again, and its name is not looked up again for it", async () => {
    await using sink = startHttpSink();
    let lookups = 0;
    const lookup: Lookup = (name) => {
      lookups += 1;
      return loopback(name);
    };
    await using caller = createCaller({ lookup });

    for (let call = 0; call < 5; call++) await caller.call(`http://hooks.example:${sink.port}/`);

    const used = new Set(sink.received.map(({ clientPort }) => clientPort)).size;
    expect(used).toBeLessThanOrEqual(inTurn);
    expect(lookups).toBe(used);
  });

  test("is used again after an answer without a body", async () => {
    await using sink = startHttpSink();
    sink.answer = () => new Response(null, { status: 204 });
    await using caller = createCaller();

    for (let call = 0; call < 5; call++) await caller.call(sink.url);

    expect(new Set(sink.received.map(({ clientPort }) => clientPort)).size).toBeLessThanOrEqual(inTurn);
  });

  test("is one of no more than may be open to a host, over a thousand calls", async () => {
    await using sink = startHttpSink();
    await using caller = createCaller();
    const one = async () => {
      for (let call = 0; call < 31; call++) expect((await caller.call(sink.url)).kind).toBe("sent");
    };

    await Promise.all(Array.from({ length: connections }, one));

    expect(sink.received).toHaveLength(connections * 31);
    expect(new Set(sink.received.map(({ clientPort }) => clientPort)).size).toBeLessThanOrEqual(connections);
  });

  test("that the receiver closed meanwhile is replaced by a new one", async () => {
    await using sink = await startTcpSink({
      onData: (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    });
    await using caller = createCaller();
    const url = `http://127.0.0.1:${sink.port}/`;
    await caller.call(url);
    const [first] = sink.received;
    const closed = new Promise((resolve) => first?.once("close", resolve));
    first?.end();
    await closed;

    expect((await caller.call(url)).kind).toBe("sent");
    expect(sink.received).toHaveLength(2);
  });
});

describe("over TLS", () => {
  const names = issueCertificates("hooks.example", "other.example");

  test("a call goes to a receiver whose certificate is for the URL's name", async () => {
    const { ca, issued } = await names;
    await using sink = startHttpSink({ tls: issued["hooks.example"] });
    await using caller = createCaller({ ca, lookup: loopback });
    const url = `https://hooks.example:${sink.port}/`;

    for (let call = 0; call < 5; call++) expect((await caller.call(url)).kind).toBe("sent");
    expect(new Set(sink.received.map(({ clientPort }) => clientPort)).size).toBeLessThanOrEqual(inTurn);
  });

  test("a name that the certificate is not for gets nothing, not even over a connection that stands", async () => {
    const { ca, issued } = await names;
    await using sink = startHttpSink({ tls: issued["hooks.example"] });
    await using caller = createCaller({ ca, lookup: loopback });
    await caller.call(`https://hooks.example:${sink.port}/`);

    const outcome = await caller.call(`https://other.example:${sink.port}/`);

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toMatch(/not connected: .*certificate/);
    expect(sink.received).toHaveLength(1);
  });

  test("a certificate of an unknown authority gets nothing", async () => {
    const { issued } = await names;
    await using sink = startHttpSink({ tls: issued["hooks.example"] });

    const outcome = await callOnce(`https://hooks.example:${sink.port}/`, { lookup: loopback });

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toMatch(/not connected: .*certificate/);
    expect(sink.received).toHaveLength(0);
  });
});

test("a stored URL that is none is a bad address", async () => {
  expect(await callOnce("hooks.example")).toMatchObject({ kind: "failed", reason: "bad_address" });
});

test("a URL is called as it is written, and refused as often as it is bad", async () => {
  await using sink = startHttpSink();
  await using caller = createCaller();
  const hooks = ["/a?x=1", "/a?x=2", "/b", "/a?x=1"];

  for (const hook of hooks) await caller.call(sink.url + hook);
  const refusals = [await caller.call("ftp://127.0.0.1/"), await caller.call("ftp://127.0.0.1/")];

  expect(sink.received.map(({ path }) => path)).toEqual(hooks);
  expect(refusals.map((outcome) => outcome.kind)).toEqual(["failed", "failed"]);
});
