/** What becomes of an email that a server refuses, that it may have or not, or that is stopped. */
import { describe, expect, test } from "bun:test";
import { issueCertificates } from "./certificates.ts";
import { aMessage, never } from "./message.ts";
import { deadPort, SmtpRefusal, startSmtpSink, startTcpSink } from "./sinks.ts";
import { connect, sendOne } from "./smtp-provider.ts";

describe("a message that the server refuses", () => {
  const unknown = new SmtpRefusal(550, "5.1.1 no such user");
  const relay = new SmtpRefusal(550, "5.7.1 relay access denied");
  const greylisted = new SmtpRefusal(450, "4.2.0 greylisted, come back later");
  const spam = new SmtpRefusal(554, "5.6.0 message refused");
  const full = new SmtpRefusal(452, "4.3.1 disk full");

  test.each([
    [unknown, { kind: "failed", reason: "bad_address", answer: "550 5.1.1 no such user" }],
    [relay, { kind: "failed", reason: "rejected", answer: "550 5.7.1 relay access denied" }],
    [greylisted, { kind: "retry", answer: "450 4.2.0 greylisted, come back later" }],
  ] as const)("for its recipient with %s fails or is tried again by its class", async (refusal, expected) => {
    await using sink = await startSmtpSink();
    sink.onRecipient = () => refusal;

    expect(await sendOne(sink)).toEqual(expected);
    expect(sink.received).toHaveLength(0);
  });

  test.each([
    [spam, { kind: "failed", reason: "rejected", answer: "554 5.6.0 message refused" }],
    [full, { kind: "retry", answer: "452 4.3.1 disk full" }],
  ] as const)("for its content with %s fails or is tried again by its class", async (refusal, expected) => {
    await using sink = await startSmtpSink();
    sink.onMail = () => refusal;

    expect(await sendOne(sink)).toEqual(expected);
  });

  test("leaves the connection usable for the next one", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink, { connections: 1 });
    sink.onRecipient = () => unknown;
    expect((await provider.send(aMessage(), never)).kind).toBe("failed");
    sink.onRecipient = () => null;

    expect((await provider.send(aMessage(), never)).kind).toBe("sent");
  });
});

describe("a server that does not play along", () => {
  test("is tried again when nobody listens", async () => {
    await using provider = connect({ url: `smtp://127.0.0.1:${await deadPort()}` });
    const outcome = await provider.send(aMessage(), never);

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toContain("ECONNREFUSED");
  });

  test("is tried again when it never greets, within the limit", async () => {
    await using silent = await startTcpSink();
    await using provider = connect({ url: `smtp://127.0.0.1:${silent.port}` }, { timeoutMs: 200 });

    const start = performance.now();
    const outcome = await provider.send(aMessage(), never);

    expect(outcome.kind).toBe("retry");
    expect(performance.now() - start).toBeLessThan(1500);
  });

  test("is tried again when it hangs up before greeting", async () => {
    await using rude = await startTcpSink({ onConnect: (socket) => socket.destroy() });
    await using provider = connect({ url: `smtp://127.0.0.1:${rude.port}` });

    expect((await provider.send(aMessage(), never)).kind).toBe("retry");
  });

  test("is tried again when its certificate is not trusted", async () => {
    const { issued } = await issueCertificates("localhost");
    await using sink = await startSmtpSink({ tls: issued.localhost });

    const outcome = await sendOne(sink, { url: `smtp://localhost:${sink.port}?requireTLS=true` });

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toMatch(/certificate/i);
    expect(sink.received).toHaveLength(0);
  });

  test("may have the message when it falls silent after the last byte", async () => {
    await using sink = await startSmtpSink();
    sink.onMail = () => "hang";

    const outcome = await sendOne(sink, { timeoutMs: 500 });

    expect(outcome).toEqual({ kind: "ambiguous", answer: "no answer within 500 ms" });
    expect(sink.received).toHaveLength(1);
  });

  test("may have the message when it hangs up after the last byte, and gets it once only", async () => {
    await using sink = await startSmtpSink();
    sink.onMail = () => "drop";

    const outcome = await sendOne(sink);

    expect(outcome.kind).toBe("ambiguous");
    expect(sink.received).toHaveLength(1);
  });

  test("does not have the message when it hangs up at DATA", async () => {
    const replies = ["250 here", "250 ok", "250 ok"];
    await using sink = await startTcpSink({
      onConnect: (socket) => socket.write("220 hello\r\n"),
      onData(socket) {
        const reply = replies.shift();
        if (reply) socket.write(`${reply}\r\n`);
        else socket.destroy();
      },
    });
    await using provider = connect({ url: `smtp://127.0.0.1:${sink.port}` });

    expect((await provider.send(aMessage(), never)).kind).toBe("retry");
    expect(replies).toEqual([]);
  });

  test("that closed a kept connection meanwhile gets the next message over a new one", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink, { connections: 1 });
    await provider.send(aMessage(), never);
    const [first] = sink.received;
    sink.hangUp();

    expect((await provider.send(aMessage(), never)).kind).toBe("sent");
    expect(sink.received[1]?.clientPort).not.toBe(first?.clientPort);
  });
});

describe("an aborted attempt", () => {
  test("settles at once and may have been taken when the message was sent", async () => {
    await using sink = await startSmtpSink();
    sink.onMail = () => "hang";
    await using provider = connect(sink);
    const stop = new AbortController();
    const outcome = provider.send(aMessage(), stop.signal);
    await sink.waitFor(1);
    stop.abort();

    expect(await outcome).toEqual({ kind: "ambiguous", answer: "stopped by Carillon" });
  });

  test("waiting for a free connection was not taken", async () => {
    await using sink = await startSmtpSink();
    sink.onMail = () => "hang";
    await using provider = connect(sink, { connections: 1, timeoutMs: 2000 });
    const stop = new AbortController();
    const blocking = provider.send(aMessage(), stop.signal);
    await sink.waitFor(1);

    expect(await provider.send(aMessage(), AbortSignal.abort())).toEqual({
      kind: "retry",
      answer: "stopped by Carillon",
    });
    stop.abort();
    await blocking;
  });
});
