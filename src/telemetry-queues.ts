import { Gauge } from "prom-client";
import { type Channel, type Priority, type Providers, priorities } from "./channels/channel.ts";
import type { Telemetry } from "./telemetry.ts";

/** What waits in this process, read when the metrics are asked for. */
interface AcceptQueues {
  /** Requests that wait to be stored. */
  waiting(): number;
  /** Events published and not yet planned. */
  backlog(): Record<Priority, number>;
}

/** What a channel's queue holds. */
export interface ChannelCounts {
  /** Deliveries that wait in memory. */
  waiting: number;
  /** Sends under way. */
  sending: number;
  /** Sends there may be at the same time. */
  sendingMax: number;
}

export function watchAccept(
  { registry }: Pick<Telemetry, "registry">,
  { waiting, backlog }: AcceptQueues,
): void {
  const registers = [registry];
  new Gauge({
    name: "carillon_event_log_backlog",
    help: "Events published and not yet planned, by lane",
    labelNames: ["lane"],
    registers,
    collect() {
      for (const [lane, events] of Object.entries(backlog())) this.set({ lane }, events);
    },
  });
  new Gauge({
    name: "carillon_accept_waiting",
    help: "Requests that wait to be stored",
    registers,
    collect() {
      this.set(waiting());
    },
  });
}

export function watchLanes(
  { registry }: Pick<Telemetry, "registry">,
  share: (lane: Priority) => number,
): void {
  new Gauge({
    name: "carillon_lane_share",
    help: "The part of its time that a lane may work: 1 while it need not give way to a more urgent one",
    labelNames: ["lane"],
    aggregator: "min",
    registers: [registry],
    collect() {
      for (const lane of priorities) this.set({ lane }, share(lane));
    },
  });
}

export function watchChannels(
  { registry }: Pick<Telemetry, "registry">,
  channels: () => Iterable<[Channel, ChannelCounts]>,
): void {
  const gauge = (name: string, help: string, count: (of: ChannelCounts) => number) =>
    new Gauge({
      name: `carillon_channel_${name}`,
      help,
      labelNames: ["channel"],
      registers: [registry],
      collect() {
        for (const [channel, counts] of channels()) this.set({ channel }, count(counts));
      },
    });
  gauge("waiting", "Deliveries that wait in memory to be sent", ({ waiting }) => waiting);
  gauge("sending", "Sends under way", ({ sending }) => sending);
  gauge("sending_max", "Sends that may be under way at the same time", ({ sendingMax }) => sendingMax);
}

/** Where a provider knows of hosts that do not answer. */
export function watchReceivers({ registry }: Pick<Telemetry, "registry">, providers: Providers): void {
  const known = Object.values(providers).filter(({ silentHosts }) => silentHosts !== undefined);
  if (known.length === 0) return;
  new Gauge({
    name: "carillon_receivers_silent",
    help: "Hosts of webhooks that left many calls in a row unanswered, and have not answered since",
    aggregator: "max", // Each thread finds out for itself.
    registers: [registry],
    collect() {
      this.set(known.reduce((sum, { silentHosts }) => sum + (silentHosts?.() ?? 0), 0));
    },
  });
}
