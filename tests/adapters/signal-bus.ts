/** The signals of several processes, in one: each hears what the others send, a turn later. */
import type { Signals } from "../../src/ports.ts";

export interface SignalBus {
  /** Of one more process. */
  join(): Signals & { deafen(): void; hear(): void; mute(muted: boolean): void; sent: string[] };
}

export function createSignalBus(): SignalBus {
  const members = new Set<{ deaf: boolean; onSignal(payload: string): void }>();
  return {
    join() {
      const me = { deaf: false, onSignal: (_: string) => {} };
      let onGap = () => {};
      let muted = false;
      const sent: string[] = [];
      members.add(me);
      return {
        sent,
        async send(_, payload) {
          if (muted) throw new Error("the connection is lost");
          sent.push(payload);
          for (const other of members) {
            if (other !== me) setImmediate(() => other.deaf || other.onSignal(payload));
          }
        },
        listen(_, onSignal, gap) {
          me.onSignal = onSignal;
          onGap = gap;
        },
        heard: () => !me.deaf,
        deafen() {
          me.deaf = true;
        },
        hear() {
          me.deaf = false;
          onGap();
        },
        mute(on) {
          muted = on;
        },
      };
    },
  };
}
