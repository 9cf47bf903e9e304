/** How an email arrives, and what the provider needs to send it. */
import { describe, expect, test } from "bun:test";
import { StartError } from "../../src/errors.ts";
import { aMessage, never } from "./message.ts";
import { deadPort, startSmtpSink, startTcpSink } from "./sinks.ts";
import { connect, sendOne } from "./smtp-provider.ts";

describe("a message that the server takes", () => {
  test("arrives with its sender, recipient, subject, text and headers", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    const message = aMessage({
      title: "Größe ✓",
      body: "Zeile 1\n.\n..Zeile 2 ✓\n",
      user: { name: "Ana Ñ" },
    });
    const outcome = await provider.send(message, never);

    expect(outcome.kind).toBe("sent");
    expect(outcome.answer).toMatch(/^250 /);
    const [mail] = await sink.waitFor(1);
    expect(mail?.from).toBe("shop@example.com");
    expect(mail?.to).toEqual(["ana@example.test"]);
    expect(mail?.headers("from")).toEqual(["Shop <shop@example.com>"]);
    expect(mail?.headers("to")).toEqual(["Ana Ñ <ana@example.test>"]);
    expect(mail?.headers("subject")).toEqual(["Größe ✓"]);
    expect(mail?.headers("auto-submitted")).toEqual(["auto-generated"]);
    expect(mail?.headers("x-carillon-notification-id")).toEqual([message.notificationId]);
    expect(mail?.headers("importance")).toEqual([]);
    expect(mail?.text.trimEnd()).toBe("Zeile 1\r\n.\r\n..Zeile 2 ✓");
  });

  test("has the same Message-ID on each attempt, in the sender's domain", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    await provider.send(aMessage(), never);
    await provider.send(aMessage(), never);

    const ids = sink.received.flatMap((mail) => mail.headers("message-id"));
    expect(ids).toEqual(Array(2).fill(`<${aMessage().deliveryId}@example.com>`));
  });

  test.each([
    ["critical", "1"],
    ["high", "2"],
  ] as const)("says that it is important when its priority is %s", async (priority, rank) => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    await provider.send(aMessage({ priority }), never);

    expect(sink.received[0]?.headers("importance")).toEqual(["high"]);
    expect(sink.received[0]?.headers("x-priority")).toEqual([rank]);
  });

  test("goes to an international domain in its ASCII form", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    const outcome = await provider.send(aMessage({ user: { email: "ana@bücher.example" } }), never);

    expect(outcome.kind).toBe("sent");
    expect(sink.received[0]?.headers("to")).toEqual(["Ana <ana@xn--bcher-kva.example>"]);
  });

  test("shares no more connections than allowed with a hundred others", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink, { connections: 2 });

    const outcomes = await Promise.all(Array.from({ length: 100 }, () => provider.send(aMessage(), never)));

    expect(outcomes.every(({ kind }) => kind === "sent")).toBe(true);
    expect(sink.received).toHaveLength(100);
    expect(new Set(sink.received.map(({ clientPort }) => clientPort)).size).toBeLessThanOrEqual(2);
  });
});

describe("an injected line break", () => {
  const attack = "Hello\r\nBcc: eve@evil.test\r\n\r\nA new body\n\rX-Evil: 1\u2028X-Evil: 2\0";

  test("in a title or a name makes no header, no recipient and no body", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    const outcome = await provider.send(aMessage({ title: attack, user: { name: attack } }), never);

    expect(outcome.kind).toBe("sent");
    const [mail] = await sink.waitFor(1);
    const plain = (await sendPlain())?.fields.map(([name]) => name).sort();
    expect(mail?.fields.map(([name]) => name).sort()).toEqual(plain ?? []);
    expect(mail?.to).toEqual(["ana@example.test"]);
    expect(mail?.headers("subject")).toEqual(["Hello Bcc: eve@evil.test A new body X-Evil: 1 X-Evil: 2"]);
    expect(mail?.text.trimEnd()).toBe(aMessage().body);
  });

  async function sendPlain() {
    await using sink = await startSmtpSink();
    await sendOne(sink);
    return sink.received[0];
  }

  test.each([
    "ana@example.test\r\nRCPT TO:<eve@evil.test>",
    "ana@example.test>\r\nDATA",
    "ana@example.test, eve@evil.test",
    '"ana eve"@example.test',
  ])("or a second recipient in an address (%j) is refused before a connection is made", async (email) => {
    await using sink = await startTcpSink();
    await using provider = connect({ url: `smtp://127.0.0.1:${sink.port}` });

    const outcome = await provider.send(aMessage({ user: { email } }), never);

    expect(outcome).toMatchObject({ kind: "failed", reason: "bad_address" });
    expect(sink.received).toHaveLength(0);
  });
});

describe("a login", () => {
  const login = { user: "shop", pass: "p@ss:word" };

  test("that is right is taken from the URL, percent-encoding undone", async () => {
    await using sink = await startSmtpSink({ login });

    const outcome = await sendOne(sink, {
      url: `smtp://shop:${encodeURIComponent(login.pass)}@127.0.0.1:${sink.port}`,
    });

    expect(outcome.kind).toBe("sent");
  });

  test.each([
    ["wrong", "shop:wrong@"],
    ["missing", ""],
  ])("that is %s makes the message wait, and says why without the password", async (_what, credentials) => {
    await using sink = await startSmtpSink({ login });

    const outcome = await sendOne(sink, { url: `smtp://${credentials}127.0.0.1:${sink.port}` });

    expect(outcome.kind).toBe("retry");
    expect(outcome.answer).toMatch(/login failed: 53[05] /);
    expect(outcome.answer).not.toContain("wrong@");
  });
});

describe("the check", () => {
  test("is content with a server that takes the login", async () => {
    await using sink = await startSmtpSink();
    await using provider = connect(sink);

    expect(await provider.check?.()).toBeUndefined();
  });

  test("says what is wrong when nobody listens", async () => {
    await using provider = connect({ url: `smtp://127.0.0.1:${await deadPort()}` });

    await expect(provider.check?.()).rejects.toThrow(/SMTP server cannot be used: .*ECONNREFUSED/);
  });

  test("gives up on a server that never greets", async () => {
    await using silent = await startTcpSink();
    await using provider = connect({ url: `smtp://127.0.0.1:${silent.port}` }, { timeoutMs: 200 });

    await expect(provider.check?.()).rejects.toThrow("ETIMEDOUT");
  });
});

test.each([
  [{ from: "not an address" }, "not an e-mail address to send from"],
  [{ from: "a@example.com, b@example.com" }, "not an e-mail address to send from"],
  [{ url: "http://example.com" }, "must start with smtp://"],
])("settings that cannot work (%j) are a reason not to start", (options, why) => {
  const create = () => connect({ url: "smtp://127.0.0.1:1" }, options);

  expect(create).toThrow(StartError);
  expect(create).toThrow(why);
});
