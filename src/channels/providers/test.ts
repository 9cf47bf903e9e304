import type { Provider } from "../channel.ts";

/** What stands in for every provider when a notification was made with a test key: it sends nothing. */
export function createTestProvider(): Provider {
  return {
    name: "test",
    async send() {
      return { kind: "sent", answer: "test key: nothing was sent" };
    },
  };
}
