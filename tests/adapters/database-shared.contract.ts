import { describe, expect, test } from "bun:test";
import type { Database } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { addToCounter, insertCounter, type TestDatabase, values, withCounters } from "./database-counters.ts";

export interface SharedDatabase extends TestDatabase {
  /** Opens it once more beside the first, as another process does. */
  another(): Promise<Database>;
}

/** What src/ports.ts promises of a Database that several processes have open. */
export function sharedDatabaseContract(name: string, open: () => Promise<SharedDatabase>): void {
  describe(`the ${name} database among several processes`, () => {
    test("begins a transaction anew that was in a deadlock with another", async () => {
      await using opened = await withCounters(open);
      const { db } = opened;
      await insertCounter(db.orm, { id: 1, value: 0 });
      await insertCounter(db.orm, { id: 2, value: 0 });
      const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let begun = 0;
      const cross = (mine: 0 | 1) =>
        db.transaction(async (tx) => {
          begun += 1;
          await addToCounter(tx, { id: mine + 1, by: 1 });
          held[mine]?.resolve();
          await held[1 - mine]?.promise;
          await addToCounter(tx, { id: 2 - mine, by: 1 });
        });

      await Promise.all([cross(0), cross(1)]);
      expect(begun).toBeGreaterThanOrEqual(3);
      expect(await values(db)).toEqual({ 1: 2, 2: 2 });
    });

    test("carries signals to others, not to oneself, whole and in order", async () => {
      await using opened = await open();
      const other = await opened.another();
      try {
        const mine: string[] = [];
        const theirs: string[] = [];
        const woken: string[] = [];
        opened.db.signals.listen(
          "forget",
          (payload) => mine.push(payload),
          () => {},
        );
        other.signals.listen(
          "forget",
          (payload) => theirs.push(payload),
          () => {},
        );
        other.signals.listen(
          "wake",
          (payload) => woken.push(payload),
          () => {},
        );
        await eventually(() => opened.db.signals.heard() && other.signals.heard());

        const keys = Array.from({ length: 2000 }, (_, nth) => `user:ünïcödé:${nth}`);
        await opened.db.signals.send("forget", keys.join("\n"));
        await opened.db.signals.send("wake", "");
        await eventually(() => woken.length > 0);
        expect(theirs.join("\n").split("\n")).toEqual(keys);
        expect(woken).toEqual([""]);

        await other.signals.send("forget", "one");
        await eventually(() => mine.length > 0);
        expect(mine).toEqual(["one"]);
      } finally {
        await other.close();
      }
      // Nobody hears it, and nothing happens.
      await opened.db.signals.send("forget", "two");
    });
  });
}
