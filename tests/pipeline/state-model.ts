/**
 * The life of deliveries, step by step, by the product's own statements and stages. Only the providers are
 * absent: what they answer is a step like any other, so that it can come late, twice or never.
 */
import { sql } from "drizzle-orm";
import { newId } from "../../db/id.ts";
import { type DeliveryStatus, replayDelivery } from "../../db/queries/deliveries.ts";
import { releaseLeases } from "../../db/queries/due.ts";
import type { NotificationStatus } from "../../db/queries/notifications.ts";
import { rowsOf } from "../../db/statement.ts";
import type { Channel, ExternalChannel, Outcome, Priority } from "../../src/channels/channel.ts";
import { createAccept } from "../../src/pipeline/accept.ts";
import { type ClaimedMessage, claimMessages, unclaimMessages } from "../../src/pipeline/claim.ts";
import type { Deliver } from "../../src/pipeline/deliver.ts";
import { dispatch } from "../../src/pipeline/dispatch.ts";
import { createLanePace } from "../../src/pipeline/lane-pace.ts";
import { createLeadership } from "../../src/pipeline/leadership.ts";
import { firstStatusOf } from "../../src/pipeline/plan.ts";
import { createRecord, type Recorded } from "../../src/pipeline/record.ts";
import { verdictOf } from "../../src/pipeline/retry.ts";
import { createSweep } from "../../src/pipeline/sweep.ts";
import { deliveriesTask } from "../../src/pipeline/sweep-deliver.ts";
import { pendingTask, scheduledTask } from "../../src/pipeline/sweep-publish.ts";
import { iso } from "../../src/pipeline/time.ts";
import type { EventLog, NotificationEvent } from "../../src/ports.ts";
import { minute } from "./clock.ts";
import { aNotification, projectOf } from "./rows.ts";
import type { World } from "./world.ts";

/** What can happen. Numbers choose among what there is. */
export type Step =
  | {
      does: "submit";
      channels: Channel[] | null;
      user: number;
      sendInMs: number | null;
      expiresInMs: number | null;
    }
  | { does: "dispatch"; which: number[]; full: boolean; places: number }
  | { does: "claim"; which: number[] }
  | { does: "unclaim"; which: number }
  | { does: "record"; which: number; outcome: Outcome }
  | { does: "wait"; ms: number }
  | { does: "sweep" }
  | { does: "crash" }
  | { does: "cancel"; which: number }
  | { does: "replay"; which: number }
  | { does: "erase"; user: number };

/** All that the database says of the notifications there are. */
export interface Snapshot {
  notifications: Map<string, NotificationStatus>;
  /** By the delivery's id. */
  deliveries: Map<string, { id: string; channel: ExternalChannel | "inbox"; status: DeliveryStatus }>;
  /** Ids of deliveries; of a scheduled notification, its own. */
  due: Set<string>;
  deadLetters: Set<string>;
  /** How many attempts each delivery has. */
  attempts: Map<string, number>;
}

const retrySchedule = [minute, 10 * minute];

export async function startModel(world: World) {
  const { app, clock, client } = world;
  const { orm } = app.db;
  const { leaseMs } = app.config;
  const projectId = await projectOf(world);
  const published: NotificationEvent[] = [];
  const inHand: ClaimedMessage[] = [];
  let full = false;
  let places = 0;

  const log: Pick<EventLog, "publishBuffered" | "lost"> = {
    publishBuffered: async (events) => published.push(...events),
    lost: () => 0,
  };
  const deliver: Pick<Deliver, "offer" | "room" | "fullChannels" | "reachable" | "places" | "take"> = {
    offer: () => {},
    places: () => ({ take: async (count) => Math.min(count, places), free: () => {}, recheck: () => {} }),
    take: (_channel, _lane, claimed) => {
      inHand.push(...claimed);
    },
    room: () => 3,
    fullChannels: () => (full ? ["email"] : []),
    reachable: () => true,
  };
  const parts = {
    ...app,
    ...app.config,
    log: log as EventLog,
    deliver: deliver as Deliver,
    pace: createLanePace(),
  };
  const accept = createAccept(parts);
  const record = createRecord(app);
  const leadership = createLeadership(app, "the model's sweep");
  const sweep = createSweep({ ...parts, intervalMs: minute }, [
    pendingTask(parts, leadership),
    scheduledTask(parts),
    deliveriesTask({ ...parts, channels: ["email", "webhook"], onMore: () => {} }),
  ]);

  /** Every other time one of the likely ones, so that much happens; else any, so that the absurd is tried too. */
  function chosen<T>(
    from: readonly T[],
    which: number,
    isLikely: (one: T) => boolean = () => true,
  ): T | undefined {
    const likely = from.filter(isLikely);
    const among = which % 2 === 0 && likely.length > 0 ? likely : from;
    return among[Math.floor(which / 2) % among.length];
  }
  const isIn =
    (...statuses: DeliveryStatus[]) =>
    ({ status }: { status: DeliveryStatus }) =>
      statuses.includes(status);

  async function claim(which: number[]): Promise<void> {
    const { deliveries } = await snapshot();
    const picked = which.flatMap(
      (nth) => chosen([...deliveries.values()], nth, isIn("queued", "retrying")) ?? [],
    );
    for (const channel of ["email", "webhook"] as const) {
      const ids = new Set(picked.filter((one) => one.channel === channel).map(({ id }) => id));
      // Leased for long, or hardly any more: then the claim renews the lease.
      const leaseUntilMs = clock.now() + (ids.size % 2 === 0 ? leaseMs : 1);
      const offered = [...ids].map((id) => ({ id, leaseUntilMs }));
      if (offered.length > 0) inHand.push(...(await claimMessages(parts, channel, offered)));
    }
  }

  async function give(claimed: ClaimedMessage, outcome: Outcome): Promise<void> {
    const { notificationId, channel, last, expiresAtMs } = claimed;
    const nowMs = clock.now();
    const common = { notificationId, channel, last };
    if (expiresAtMs !== null && expiresAtMs <= nowMs) {
      const skipped = { status: "skipped", reason: "expired", retryAtMs: null, attempt: null } as const;
      return record.add({ ...common, ...skipped, tries: claimed.tries });
    }
    const tries = claimed.tries + 1;
    const verdict = verdictOf(outcome, { tries, schedule: retrySchedule, nowMs, random: 0.5 });
    const attempt: Recorded["attempt"] = {
      id: newId(nowMs),
      atMs: nowMs,
      provider: "smtp",
      outcome: outcome.kind,
      answer: outcome.answer,
    };
    return record.add({ ...common, ...verdict, tries, attempt });
  }

  async function take(step: Step): Promise<void> {
    switch (step.does) {
      case "submit": {
        const nowMs = clock.now();
        const id = `user-${step.user}`;
        const profile = { id, email: "ana@example.test", webhookUrl: "http://127.0.0.1/", ...unknownOf };
        const asked = {
          channels: step.channels,
          sendAtMs: step.sendInMs === null ? null : nowMs + step.sendInMs,
          expiresAtMs: step.expiresInMs === null ? null : nowMs + step.expiresInMs,
        };
        const status = firstStatusOf(asked, nowMs);
        const notification = aNotification({ nowMs, projectId, userId: id, profile, ...asked, status });
        await accept.submit({ notifications: [notification], idempotency: null });
        return;
      }
      case "dispatch": {
        // Any event that was ever published: the log may hand it out again, and in any order.
        const batch = step.which.flatMap((nth) => chosen(published, nth) ?? []);
        full = step.full;
        places = step.places;
        if (batch.length > 0) await dispatch(parts, [...new Set(batch)], "normal" satisfies Priority);
        return;
      }
      case "claim":
        return claim(step.which);
      case "unclaim": {
        const claimed = chosen(inHand, step.which);
        if (claimed === undefined) return;
        inHand.splice(inHand.indexOf(claimed), 1);
        return unclaimMessages(parts, claimed.channel, [claimed]);
      }
      case "record": {
        const claimed = chosen(inHand, step.which);
        if (claimed === undefined) return;
        inHand.splice(inHand.indexOf(claimed), 1);
        return give(claimed, step.outcome);
      }
      case "wait":
        return clock.step(step.ms);
      case "sweep":
        return sweep.run();
      case "crash":
        inHand.length = 0;
        published.length = 0;
        await releaseLeases(orm, { now: iso(clock.now()) });
        return;
      case "cancel": {
        const { notifications, deliveries } = await snapshot();
        const planned = new Set([...deliveries.values()].map(({ id }) => id));
        const id = chosen([...notifications.keys()], step.which, (one) => planned.has(one));
        if (id !== undefined) await client.call("POST", `/v1/notifications/${id}/cancel`);
        return;
      }
      case "replay": {
        const delivery = chosen([...(await snapshot()).deliveries.values()], step.which, isIn("failed"));
        if (delivery === undefined) return;
        const times = { now: iso(clock.now()), leaseUntil: iso(clock.now() + leaseMs) };
        const { id: notificationId, channel } = delivery;
        await replayDelivery(orm, { projectId, notificationId, channel, ...times });
        return;
      }
      case "erase":
        await client.call("DELETE", `/v1/users/user-${step.user}`);
    }
  }

  const rows = async <Row>(text: string) => rowsOf<Row>(await orm.execute(sql.raw(text)));

  async function snapshot(): Promise<Snapshot> {
    type Delivery = { key: string; id: string; channel: ExternalChannel; status: DeliveryStatus };
    const key = "notification_id || '-' || channel as key";
    const [notifications, deliveries, due, letters, attempts] = await Promise.all([
      rows<{ id: string; status: NotificationStatus }>("select id, status from notifications order by id"),
      rows<Delivery>(
        `select ${key}, notification_id as id, channel, status from deliveries order by notification_id, channel`,
      ),
      rows<{ key: string }>(
        "select trim(trailing '-' from notification_id || '-' || channel) as key from due",
      ),
      rows<{ key: string }>(`select ${key} from dead_letters`),
      rows<{ key: string; count: number }>(`select ${key}, count(*)::int from attempts group by 1`),
    ]);
    return {
      notifications: new Map(notifications.map(({ id, status }) => [id, status])),
      deliveries: new Map(deliveries.map((one) => [one.key, one])),
      due: new Set(due.map((one) => one.key)),
      deadLetters: new Set(letters.map((one) => one.key)),
      attempts: new Map(attempts.map((one) => [one.key, one.count])),
    };
  }

  return {
    take,
    snapshot,
    /** An empty database again; the clock goes on. */
    async clear(): Promise<void> {
      inHand.length = 0;
      published.length = 0;
      for (const table of ["notifications", "deliveries", "attempts", "due", "dead_letters", "users"]) {
        await rows(`delete from ${table}`);
      }
    },
  };
}

const unknownOf = { phone: null, name: null, locale: null, timezone: null };
