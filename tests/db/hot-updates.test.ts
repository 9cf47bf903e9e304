/** What changes of a row touches no index, and finds room on the row's own page. */
import { expect, test } from "bun:test";
import { onServer } from "../databases.ts";
import { eventually } from "../eventually.ts";
import { createWorld } from "../pipeline/world.ts";
import { nothingOpen } from "../process/client.ts";

const count = 3000;
const bulkItems = 1000;

interface Changes {
  table: string;
  changed: number;
  hot: number;
}

/** By PostgreSQL's own count, of all partitions together. */
const changesOf = (url: string) =>
  onServer(
    url,
    (sql) => sql<Changes[]>`
      select split_part(relname, '_', 1) as table, sum(n_tup_upd)::int as changed, sum(n_tup_hot_upd)::int as hot
      from pg_stat_user_tables where relname ~ '^(notifications|deliveries)_' group by 1 order by 1`,
  );

test("changes of a notification and of its delivery are HOT but for a few", async () => {
  await using world = await createWorld({ stack: "PostgreSQL" });
  const { client, receivers } = world;
  for (let from = 0; from < count; from += bulkItems) {
    const notifications = Array.from({ length: bulkItems }, (_, nth) => ({
      to: { user_id: `user-${from + nth}`, webhook_url: receivers.http.url },
      title: "Your order has shipped",
      body: "Order 42 is on its way and should be with you by Friday.",
      channels: ["webhook"],
      metadata: { order: 42 },
    }));
    expect((await client.call("POST", "/v1/notifications/bulk", { notifications })).status).toBe(202);
  }
  await eventually(() => nothingOpen(client), { timeoutMs: 30_000 });
  // A connection says what it counted when it ends, or after ten idle seconds.
  await world.restart();
  const changes = await eventually(async () => {
    const rows = await changesOf(world.app.config.databaseUrl ?? "");
    return rows.length === 2 && rows.every(({ changed }) => changed >= count) && rows;
  });
  // 0.86 of the deliveries' and 0.97 of the notifications'; none with an index on the status.
  for (const { changed, hot } of changes) {
    expect(hot / changed).toBeGreaterThan(0.75);
  }
}, 60_000);
