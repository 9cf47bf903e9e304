import { expect, test } from "bun:test";
import type { Message } from "../../src/channels/channel.ts";
import { createSandboxProvider } from "../../src/channels/providers/sandbox.ts";
import { createTestProvider } from "../../src/channels/providers/test.ts";
import { aMessage, never } from "./message.ts";

test("the sandbox keeps each message and says that nothing was sent", async () => {
  const kept: Message[] = [];
  const provider = createSandboxProvider({ keep: async (message) => void kept.push(message) });

  const outcome = await provider.send(aMessage(), never);

  expect(outcome).toEqual({ kind: "sent", answer: "kept in the sandbox, nothing was sent" });
  expect(kept).toEqual([aMessage()]);
});

test("the sandbox does not say sent for what could not be kept", async () => {
  const provider = createSandboxProvider({ keep: () => Promise.reject(new Error("disk full")) });

  await expect(provider.send(aMessage(), never)).rejects.toThrow("disk full");
});

test("the test provider says that nothing was sent", async () => {
  const outcome = await createTestProvider().send(aMessage(), never);

  expect(outcome).toEqual({ kind: "sent", answer: "test key: nothing was sent" });
});
