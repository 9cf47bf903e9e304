/** Who gets what on which channel: for every notification, user, set of providers and time. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { addressOf, type Channel, channels, type Profile } from "../../src/channels/channel.ts";
import { firstStatusOf, inboxAlone, plan, type Reachable } from "../../src/pipeline/plan.ts";

const someChannels = fc.array(fc.constantFrom(...channels), { minLength: 1 });
const times = fc.integer({ min: 0, max: Date.parse("2100-01-01") });
const text = fc.option(fc.string({ minLength: 1 }));
const users: fc.Arbitrary<Profile> = fc.record({
  id: fc.string({ minLength: 1 }),
  email: text,
  phone: text,
  webhookUrl: text,
  name: text,
  locale: text,
  timezone: text,
});
const providers: fc.Arbitrary<Reachable> = fc
  .subarray([...channels])
  .map((set) => (channel: Channel) => set.includes(channel));
const notifications = fc.record({
  channels: fc.option(someChannels),
  expiresAt: fc.option(times),
  test: fc.boolean(),
});
const nobody: Reachable = () => false;
const everybody: Reachable = () => true;

test("each channel that was asked for has exactly one decision, in the order in which they were asked for", () => {
  fc.assert(
    fc.property(
      notifications,
      someChannels,
      users,
      providers,
      times,
      (given, asked, user, reachable, nowMs) => {
        const decisions = plan({ ...given, channels: asked }, user, reachable, nowMs);
        expect(decisions.map(({ channel }) => channel)).toEqual([...new Set(asked)]);
      },
    ),
  );
});

test("channels left out are those that the user has an address for, and the inbox is always one", () => {
  fc.assert(
    fc.property(notifications, users, providers, times, (given, user, reachable, nowMs) => {
      const planned = plan({ ...given, channels: null }, user, reachable, nowMs).map(
        ({ channel }) => channel,
      );
      expect(planned).toEqual(channels.filter((channel) => addressOf(user, channel) !== null));
      expect(planned).toContain("inbox");
    }),
  );
});

test("nothing that has expired is sent or stored", () => {
  fc.assert(
    fc.property(
      notifications,
      users,
      times,
      fc.oneof(fc.constant(0), fc.nat()),
      (given, user, expiresAt, later) => {
        const decisions = plan({ ...given, expiresAt }, user, everybody, expiresAt + later);
        for (const decision of decisions) expect(decision).toMatchObject({ does: "skip", reason: "expired" });
      },
    ),
  );
});

test("what has not expired is sent wherever there are an address and a provider, else it says what is missing", () => {
  fc.assert(
    fc.property(notifications, users, providers, times, (given, user, reachable, nowMs) => {
      const valid = { ...given, test: false, expiresAt: nowMs + 1 };
      for (const decision of plan(valid, user, reachable, nowMs)) {
        const { channel, does } = decision;
        const reason = does === "skip" ? decision.reason : null;
        if (channel === "inbox") expect(does).toBe("store");
        else if (addressOf(user, channel) === null) expect(reason).toBe("no_address");
        else if (!reachable(channel)) expect(reason).toBe("no_provider");
        else expect(does).toBe("send");
      }
    }),
  );
});

test("a test key's notification needs no provider", () => {
  fc.assert(
    fc.property(notifications, users, times, (given, user, nowMs) => {
      const tested = { ...given, test: true };
      expect(plan(tested, user, nobody, nowMs)).toEqual(plan(tested, user, everybody, nowMs));
    }),
  );
});

test("the same question has the same answer, and asking changes nothing", () => {
  fc.assert(
    fc.property(notifications, users, providers, times, (given, user, reachable, nowMs) => {
      const before = structuredClone({ given, user });
      const first = plan(given, user, reachable, nowMs);
      expect(plan(given, user, reachable, nowMs)).toEqual(first);
      expect({ given, user }).toEqual(before);
    }),
  );
});

test("what is stored as sent has the inbox for its plan a minute later still, whoever its user is", () => {
  const asked = fc.oneof(fc.constant<Channel[]>(["inbox"]), fc.option(someChannels));
  const whole = fc.record({ channels: asked, sendAtMs: fc.option(times), expiresAtMs: fc.option(times) });
  fc.assert(
    fc.property(whole, notifications, users, providers, times, (given, { test }, user, reachable, nowMs) => {
      const { channels, sendAtMs, expiresAtMs } = given;
      const status = firstStatusOf(given, nowMs);
      if (sendAtMs !== null && sendAtMs > nowMs) expect(status).toBe("scheduled");
      else if (status === "sent") {
        const later = nowMs + 60_000;
        expect(plan({ channels, expiresAt: expiresAtMs, test }, user, reachable, later)).toEqual(inboxAlone);
      } else expect(status).toBe("pending");
    }),
  );
});

test("what is for the inbox alone is stored as sent, unless it is for later or may soon expire", () => {
  const inbox: Channel[] = ["inbox"];
  const nowMs = Date.parse("2026-05-12T09:30:00Z");
  const statusOf = (
    sendAtMs: number | null,
    expiresAtMs: number | null,
    channels: Channel[] | null = inbox,
  ) => firstStatusOf({ channels, sendAtMs, expiresAtMs }, nowMs);
  expect(statusOf(null, null)).toBe("sent");
  expect(statusOf(nowMs, nowMs + 60_001)).toBe("sent");
  expect(statusOf(null, nowMs + 60_000)).toBe("pending");
  expect(statusOf(nowMs + 1, null)).toBe("scheduled");
  expect(statusOf(null, null, null)).toBe("pending");
  expect(statusOf(null, null, ["inbox", "webhook"])).toBe("pending");
});
