import { createClient } from "../process/client.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

/** Answers of the API as callers get them, for what depends on their words: no two messages are alike. */

/** What applications write, with what differs from one message to the next. */
const messages = [
  { title: "Your order has shipped", body: "Order {number} for {name} is on its way and arrives on {day}." },
  {
    title: "Payment received",
    body: "{number}.00 EUR from {name}: https://pay.example.com/receipts/{token}",
  },
  {
    title: "New sign-in",
    body: "{name}, a device signed in on {day}. Not you? https://id.example.com/{token}",
  },
  { title: "{name} replied to you", body: "“See you on {day}, I will bring {number} of them.” ({token})" },
  { title: "Your code", body: "{number} is your code, {name}. It is valid for ten minutes." },
];
const names = ["Ana", "Bogdan", "Chiara", "Deniz", "Elif", "Farid", "Goran", "Hanako", "Ivo", "José", "Kofi"];
const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** Enough for the largest list: a notification in it has 430 bytes or more. */
const bulkRequests = 3;
const bulkItems = 1000;

/**
 * Lists of notifications as JSON, asked of a service on the embedded parts.
 *
 * @param sizesBytes how many bytes each has, within a row; 1.2 MB at most
 */
export async function listsOf(sizesBytes: readonly number[]): Promise<string[]> {
  await using folder = tempFolder();
  await using service = startService({ cwd: folder.path, env: { RATE_LIMIT_PER_MINUTE: "0" } });
  await service.ready;
  const client = createClient({ url: service.url, key: service.adminKey });
  for (let request = 0; request < bulkRequests; request += 1) {
    const notifications = Array.from({ length: bulkItems }, (_, index) =>
      message(request * bulkItems + index),
    );
    await client.call("POST", "/v1/notifications/bulk", { notifications });
  }
  const rows = (await client.all<object>("/v1/notifications")).map((row) => JSON.stringify(row));
  return sizesBytes.map((sizeBytes) => {
    const taken: string[] = [];
    for (let bytes = 0; bytes < sizeBytes; ) {
      const row = rows[taken.length];
      if (row === undefined) throw new Error(`there are only ${bytes} bytes of answers`);
      taken.push(row);
      bytes += Buffer.byteLength(row) + 1;
    }
    return `{"data":[${taken.join(",")}],"next":null,"previous":null}`;
  });
}

function message(index: number) {
  const pick = <Of>(list: readonly Of[]): Of => list[Math.floor(Math.random() * list.length)] as Of;
  const words: Record<string, string> = {
    number: String(100_000 + Math.floor(Math.random() * 900_000)),
    name: pick(names),
    day: pick(days),
    token: Bun.randomUUIDv7("base64url"),
  };
  const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, word) => words[word] ?? "");
  const { title, body } = pick(messages);
  return {
    to: `user_${index}`,
    title: filled(title),
    body: filled(body),
    channels: ["inbox"],
    metadata: { order: words.number, locale: pick(["en", "de", "pt"]) },
  };
}
