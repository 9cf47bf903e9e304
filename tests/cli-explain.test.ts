import { expect, test } from "bun:test";
import { carillon, expectWords } from "./command-line.ts";
import { testDatabase } from "./databases.ts";
import { tempFolder } from "./temp-folder.ts";

test("explain lists the queries, shows the plan of one, and knows which one was meant", async () => {
  await using folder = tempFolder();
  await using own = await testDatabase();
  const names = (await carillon(["explain"])).stdout.trim().split("\n");
  expect(names).toContain("getNotificationById");
  expect(names).toContain("listInboxOlder");

  for (const env of [{ DATA_DIR: folder.path }, { DATA_DIR: folder.path, DATABASE_URL: own.url }]) {
    const plan = await carillon(["explain", "getUserById"], { env });
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain("Index Scan using users_pkey on users");
  }
  const analyzed = await carillon(["explain", "countInbox", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(analyzed.stdout).toMatch(/actual time=.*Execution Time: /s);

  const unknown = await carillon(["explain", "countInbx"]);
  expect(unknown.code).toBe(1);
  expectWords(unknown);
  expect(unknown.stderr).toContain("Did you mean countInbox?");
  const writes = await carillon(["explain", "insertPlans", "--analyze"], { env: { DATABASE_URL: own.url } });
  expect(writes.code).toBe(1);
  expectWords(writes);
  expect(writes.stderr).toContain("without --analyze only");
});
