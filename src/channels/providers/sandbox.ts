import type { Message, Provider } from "../channel.ts";

/** Sends nothing: `keep` stores the message for the operator to look at. What `keep` throws, `send` throws. */
export function createSandboxProvider({ keep }: { keep(message: Message): Promise<void> }): Provider {
  return {
    name: "sandbox",
    async send(message) {
      await keep(message);
      return { kind: "sent", answer: "kept in the sandbox, nothing was sent" };
    },
  };
}
