import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { statement, statementOf } from "../../db/statement.ts";

test("a placeholder that a statement names several times is one parameter", () => {
  const [one, other] = [sql.placeholder("one"), sql.placeholder("other")];
  statement("namesOneTwice", sql`select ${one}::int, ${other}::int, ${2}::int, ${one}::int + ${2}::int`);
  const query = statementOf("namesOneTwice");
  expect(query?.sql).toBe("select $1::int, $2::int, $3::int, $1::int + $4::int");
  expect(query?.params).toEqual([one, other, 2, 2]);
});
