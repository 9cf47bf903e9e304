/** Runs faults one after another on one service that lives through all of them, and counts after each. */
import { eventually } from "../eventually.ts";
import { type ListedDelivery, type ListedNotification, nothingOpen } from "../process/client.ts";
import { newLedger, startLoad } from "../process/load.ts";
import { seededRandom } from "../process/random.ts";
import { startReceivers } from "../process/receivers.ts";
import { newAdminKey } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import type { Counts, Outcome } from "./counts.ts";
import type { Fault, Form, Injected, Scene } from "./fault.ts";
import { createSeat, rssMb, type Seat } from "./seats.ts";
import { type StackName, startStack } from "./stack.ts";
import { brokenPromises, growthMaxMbOf } from "./violations.ts";

/** Short leases, so that what a dead process held is taken over within seconds; the rest is what operators have. */
const settings = {
  LEASE_MS: "6000",
  SEND_TIMEOUT_MS: "2000",
  PENDING_GRACE_MS: "1000",
  RETRY_SCHEDULE: "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
  WORKERS: "1",
};
/** What a thread may repeat when it is cut off: four times what it sends at once (WEBHOOK_CONNECTIONS). */
export const unrecordedMax = 4 * 64;

/** What the receiver takes for each webhook: so some are always under way. */
const receiverMs = 25;
/** How many of them make the middle of a batch. */
const midBatchWebhooks = 5;
const users = 100;
/** About 400 notifications a second: the machine has other work, and what is measured is not speed. */
const callerPauseMs = 200;
const warmAnswers = 200;
/** How long the load goes on after the recovery: what broke a moment later is counted, too. */
const afterMs = 1000;
/** How long all that is open may take to end: a minute, and what a slow machine takes for a backlog (250 a second). */
const settleMaxMs = (notifications: number) => 60_000 + notifications * 4;
const collectMaxMs = 20_000;

export interface Stage extends AsyncDisposable {
  run(fault: Fault): Promise<Outcome>;
}

interface StageOptions {
  stack: StackName;
  processes: number;
  form: Form;
  seed: number;
}

export async function openStage({ stack: name, processes, form, seed }: StageOptions): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(await startStack(name));
  const receivers = opening.use(await startReceivers());
  const folder = opening.use(tempFolder());
  const { http } = receivers;
  const arrivals = new Map<string, { count: number; firstMs: number }>();
  let underWay = 0;
  http.answer = async ({ body }) => {
    const { id } = (JSON.parse(body) as { data: { id: string } }).data;
    const known = arrivals.get(id);
    arrivals.set(id, { count: (known?.count ?? 0) + 1, firstMs: known?.firstMs ?? performance.now() });
    http.received.length = 0; // Their bodies are of no more use.
    underWay += 1;
    await Bun.sleep(receiverMs);
    underWay -= 1;
    return new Response("ok");
  };

  const env = { ...receivers.env, ...settings, ...stack.env, ADMIN_KEY: newAdminKey() };
  const seats: Seat[] = [];
  const places = opening.use(new AsyncDisposableStack());
  const addSeat = () => places.use(createSeat({ cwd: folder.path, env }));
  for (let nth = 0; nth < processes; nth++) seats.push(addSeat());
  await Promise.all(seats.map((seat) => seat.start()));
  const [first, ...others] = seats;
  if (first === undefined) throw new Error("a stage has at least one process");

  let turn = 0;
  /** In turn, as a balancer does that knows who runs. */
  const client = () => {
    const running = seats.filter(({ service }) => service !== null);
    turn += 1;
    return (running[turn % running.length] ?? first).client;
  };
  const random = seededRandom(seed);

  async function run(fault: Fault): Promise<Outcome> {
    const ledger = newLedger();
    const createdAfter = new Date().toISOString();
    arrivals.clear();
    const load = startLoad({
      client,
      ledger,
      compose: (title, nth) => ({
        to: { user_id: `user-${nth % users}`, webhook_url: http.url },
        title,
        body: "Sent while something was broken.",
        channels: ["inbox", "webhook"],
        priority: ["critical", "high", "normal", "low"][nth % 4],
      }),
      persistent: { pauseMs: callerPauseMs },
    });
    await eventually(() => arrivals.size >= warmAnswers, { timeoutMs: 30_000 });
    ledger.longestGapMs = 0;
    const before = seats.map(({ service }) => ({ service, mb: service ? rssMb(service) : 0 }));

    const violations: string[] = [];
    const scene: Scene = {
      stack,
      seats: [first as Seat, ...others],
      form,
      random,
      ledger,
      client,
      hasArrived: (id) => arrivals.has(id),
      midBatch: () => eventually(() => underWay >= midBatchWebhooks, { intervalMs: 1 }),
      addSeat,
    };
    let injected: Injected = { interrupted: 0 };
    try {
      injected = await fault.inject(scene);
    } catch (error) {
      violations.push(`the fault did not run as it should: ${(error as Error).message}`);
    }
    violations.push(...(injected.violations ?? []));
    const overMs = performance.now();

    const recovery = () => {
      let bestMs: number | null = null;
      for (const [id, promisedMs] of ledger.promisedAtMs) {
        const arrivedMs = arrivals.get(id)?.firstMs;
        if (promisedMs < overMs || arrivedMs === undefined) continue;
        if (bestMs === null || arrivedMs < bestMs) bestMs = arrivedMs;
      }
      return bestMs;
    };
    const recoveredAt = await eventually(recovery, {
      timeoutMs: fault.recoverMaxMs,
      intervalMs: 50,
    }).catch(() => null);
    if (recoveredAt === null)
      violations.push(`nothing arrived within ${fault.recoverMaxMs} ms after the end of the fault`);
    await Bun.sleep(afterMs);
    load.stop();
    await load.ended;
    ledger.longestGapMs = Math.max(
      ledger.longestGapMs,
      performance.now() - callerPauseMs - (ledger.lastPromiseMs ?? 0),
    );
    const stoppedMs = performance.now();
    const alive = () => {
      for (const { death } of seats) if (death !== null) throw new Error("a process died");
      return nothingOpen(client());
    };
    await eventually(alive, { timeoutMs: settleMaxMs(ledger.promised.size), intervalMs: 50 }).catch((error) =>
      violations.push(`not all came to an end: ${error.message}`),
    );
    for (const seat of seats) {
      if (seat.death === null) continue;
      violations.push(seat.death);
      seat.death = null;
      await seat.start();
    }
    const settledMs = performance.now() - stoppedMs;

    const rss = () =>
      seats.flatMap(({ service }, index) => {
        const earlier = before[index];
        return service !== null && earlier?.service === service
          ? [{ before: earlier.mb, after: rssMb(service) }]
          : [];
      });
    // What a burst left behind is collected a while later; what was leaked is not.
    const isFlat = () => rss().every((mb) => mb.after - mb.before <= growthMaxMbOf(fault));
    await eventually(isFlat, { timeoutMs: collectMaxMs, intervalMs: 500 }).catch(() => {});

    const listed = await client().all<ListedNotification>(`/v1/notifications?created_after=${createdAfter}`);
    const stored = new Map(listed.map((row) => [row.id, row]));
    const deliveries = await client().all<ListedDelivery>("/v1/deliveries", ({ notification_id }) =>
      stored.has(notification_id),
    );
    const ambiguous = deliveries
      .flatMap(({ attempts }) => attempts)
      .filter(({ outcome }) => outcome === "ambiguous");
    // This process is the receiver, too, and where the machine is busy it may answer too late.
    const overdue = ambiguous.filter(({ answer }) => !answer.includes("stopped before it recorded"));
    const counts: Counts = {
      sent: ledger.asked.size,
      answered202: ledger.promised.size,
      rejected: {
        ...Object.fromEntries(ledger.refused),
        ...(ledger.unanswered > 0 ? { none: ledger.unanswered } : {}),
      },
      stored: stored.size,
      arrived: arrivals.size,
      duplicates: [...arrivals.values()].reduce((sum, { count }) => sum + count - 1, 0),
      duplicatesMax: injected.interrupted * unrecordedMax + overdue.length,
      ambiguous: ambiguous.length,
      longestGapMs: ledger.longestGapMs,
      slowestAnswerMs: ledger.slowestMs,
      recoveredMs: recoveredAt === null ? Number.POSITIVE_INFINITY : recoveredAt - overMs,
      settledMs,
      rssMb: rss(),
    };
    violations.push(...brokenPromises({ fault, counts, ledger, stored, deliveries, arrivals }));
    return { name: `${name}: ${fault.name}`, counts, violations };
  }

  const disposal = opening.move();
  return { run, [Symbol.asyncDispose]: () => disposal.disposeAsync() };
}
