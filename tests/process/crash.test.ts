/** A 202 is a debt, however the process ends. CRASH_ROUNDS sets how often it is killed, CRASH_SEED when. */
import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { newAdminKey, startService } from "../process.ts";
import { openStack, stacks } from "../stacks.ts";
import { tempFolder } from "../temp-folder.ts";
import { createClient, type ListedDelivery, type ListedNotification, nothingOpen } from "./client.ts";
import { newLedger, startLoad } from "./load.ts";
import { seededRandom } from "./random.ts";
import { arrivals, duplicatesIn, startReceivers } from "./receivers.ts";

const rounds = Number(process.env.CRASH_ROUNDS ?? 6);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** The latest moment of a kill, in milliseconds after the service was ready. */
const killAfterMaxMs = 800;
/** What may have left without being recorded at a kill: four times what the service sends at once, by its own bound. */
const underWayMax = { webhook: 4 * 64, email: 4 * 5 };

/**
 * On a server another process may live on, so what a killed one left is taken over only after these times. They are
 * still beyond what a send takes here: nothing that is under way is sent twice.
 */
const soonTakenOver = { LEASE_MS: "3000", SEND_TIMEOUT_MS: "1000", PENDING_GRACE_MS: "2000" };

const userOf = (nth: number) => `user-${nth % 100}`;
const channelsOf = (nth: number) => {
  if (nth % 10 === 0) return ["inbox", "webhook", "email"];
  return nth % 10 === 5 ? ["inbox"] : ["inbox", "webhook"];
};

test.each(stacks)(
  `on %s, everything answered with 202 is delivered, though the process is killed ${rounds} times (seed ${seed})`,
  async (name) => {
    await using folder = tempFolder();
    await using stack = await openStack(name);
    await using receivers = await startReceivers();
    const { http, smtp } = receivers;
    const env = { ...stack.env, ...soonTakenOver, ...receivers.env, ADMIN_KEY: newAdminKey() };
    const ledger = newLedger();
    const random = seededRandom(seed);
    /** Titles of what goes to the inbox alone. */
    const unsent = new Set<string>();
    const compose = (title: string, nth: number) => {
      const channels = channelsOf(nth);
      if (channels.length === 1) unsent.add(title);
      return {
        to: { user_id: userOf(nth), webhook_url: http.url, email: `${userOf(nth)}@example.test` },
        title,
        body: "Sent while the process was being killed.",
        channels,
      };
    };

    const onKafka = "KAFKA_BROKERS" in stack.env;
    const kills = onKafka ? Math.ceil(rounds / 3) : rounds;
    for (let round = 0; round < kills; round++) {
      const service = startService({ cwd: folder.path, env });
      await service.ready;
      const client = createClient({ url: service.url, key: env.ADMIN_KEY });
      if (onKafka) {
        // The kill is to hit a process that consumes, which takes longer than to be ready.
        const title = `first of round ${round}`;
        ledger.asked.add(title);
        const id = await client.send(compose(title, 1));
        ledger.promised.set(id, title);
        await eventually(() => arrivals(http.received).has(id), { timeoutMs: 30_000 });
      }
      const load = startLoad({ client, ledger, compose });
      setTimeout(() => service.kill("SIGKILL"), random() * killAfterMaxMs); // bound: the random moment itself
      expect(await service.exited).toBe(128 + 9);
      await load.ended;
    }

    const startedMs = performance.now();
    await using service = startService({ cwd: folder.path, env });
    await service.ready;
    const readyMs = performance.now() - startedMs;
    const client = createClient({ url: service.url, key: env.ADMIN_KEY });
    await eventually(() => nothingOpen(client), { timeoutMs: 60_000, intervalMs: 50 });
    const settledMs = performance.now() - startedMs;

    const found = new Map(
      (await client.all<ListedNotification>("/v1/notifications")).map((row) => [row.id, row]),
    );
    const deliveries = await client.all<ListedDelivery>("/v1/deliveries");
    const ambiguous = { webhook: 0, email: 0, inbox: 0 } as Record<string, number>;
    for (const { channel, attempts } of deliveries) {
      const count = attempts.filter(({ outcome }) => outcome === "ambiguous").length;
      ambiguous[channel] = (ambiguous[channel] ?? 0) + count;
    }
    const webhooks = arrivals(http.received);
    const mails = new Map<string, number>();
    for (const { headers } of smtp.received) {
      const [subject = ""] = headers("subject");
      mails.set(subject, (mails.get(subject) ?? 0) + 1);
    }
    const duplicates = { webhook: duplicatesIn(webhooks), email: duplicatesIn(mails) };
    console.log(
      `crash test on ${name}, seed ${seed}: ${kills} kills, ${ledger.asked.size} sent, ${ledger.promised.size} answered with 202, ` +
        `${found.size} stored; webhooks ${http.received.length}, of them ${duplicates.webhook} duplicates, ` +
        `${ambiguous.webhook} ambiguous attempts; mails ${smtp.received.length}, of them ${duplicates.email} duplicates, ` +
        `${ambiguous.email} ambiguous attempts; ready ${readyMs.toFixed(0)} ms after the last start, ` +
        `all settled after ${settledMs.toFixed(0)} ms`,
    );

    expect(ledger.promised.size).toBeGreaterThan(kills * 10);
    const promised = [...ledger.promised.keys()];
    expect(promised.filter((id) => found.get(id)?.status !== "sent")).toEqual([]);
    const inInbox = new Set(
      deliveries
        .filter(({ channel, status }) => channel === "inbox" && status === "sent")
        .map(({ notification_id }) => notification_id),
    );
    expect(promised.filter((id) => !inInbox.has(id))).toEqual([]);
    const isUnsent = (id: string) => unsent.has(ledger.promised.get(id) ?? "");
    expect(promised.filter((id) => webhooks.has(id) === isUnsent(id))).toEqual([]);
    expect(promised.some(isUnsent)).toBe(true);
    const mailed = new Set(
      deliveries.filter(({ channel }) => channel === "email").map(({ notification_id }) => notification_id),
    );
    expect([...mailed].filter((id) => !mails.has(found.get(id)?.title ?? ""))).toEqual([]);

    expect([...webhooks.keys()].filter((id) => !found.has(id))).toEqual([]);
    expect([...found.values()].filter(({ title }) => !ledger.asked.has(title))).toEqual([]);
    expect([...mails.keys()].filter((subject) => !ledger.asked.has(subject))).toEqual([]);

    for (const channel of ["webhook", "email"] as const) {
      expect(duplicates[channel]).toBeLessThanOrEqual(ambiguous[channel] ?? 0);
      expect(duplicates[channel]).toBeLessThanOrEqual(kills * underWayMax[channel]);
    }
  },
  60_000 + rounds * 10_000,
);
