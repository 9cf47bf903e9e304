import { expect, test } from "bun:test";
import { nearestName } from "../src/spelling.ts";

const known = ["PORT", "HOST", "DATA_DIR", "SMTP_URL", "LOG_LEVEL"];

test.each([
  ["a letter is missing", "SMTP_UR", "SMTP_URL"],
  ["a letter is too many", "PORTS", "PORT"],
  ["a letter is wrong", "DATA-DIR", "DATA_DIR"],
  ["two neighbours are swapped", "PROT", "PORT"],
  ["two letters of a long name are wrong", "LOG_LEBEK", "LOG_LEVEL"],
  ["it is written small", "smtp_url", "SMTP_URL"],
])("a name is known again where %s", (_, name, meant) => {
  expect(nearestName(name, known)).toBe(meant);
});

test.each(["HOME", "PATH", "PWD", "SHELL", "LANG", "LOGNAME", "HOSTNAME", "TERM", "DATABASE_URL", ""])(
  "%p is not taken for a setting",
  (name) => {
    expect(nearestName(name, known)).toBeNull();
  },
);
