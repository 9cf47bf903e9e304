import type { World } from "./world.ts";

/** Webhooks to a receiver that hangs: a first one is sent, and has its answer, as all have, once `answer` is called. */
export async function hangingWebhooks({ client, receivers }: World) {
  const open = Promise.withResolvers<void>();
  receivers.http.answer = () => open.promise.then(() => new Response("ok"));
  const to = { user_id: "ana", webhook_url: receivers.http.url };
  const send = (title: string) => client.send({ to, title, body: "It works.", channels: ["webhook"] });
  const hanging = await send("hangs");
  await receivers.http.waitFor(1);
  return { hanging, send, answer: open.resolve };
}
