/** The house style, as far as a machine can see it. Every rule is shown to notice what it forbids. */
import { describe, expect, test } from "bun:test";
import { join, posix } from "node:path";
import { importsPointOneWay } from "./tidy/imports.ts";
import { filesOf } from "./tidy/project-files.ts";
import { isCode, isProduct, isTypeScript, linesOf, type Rule, type SourceFile } from "./tidy/rule.ts";

const linesMax = 300;

const rules: Rule[] = [
  importsPointOneWay,
  {
    name: "no name says nothing",
    offenders: (files) =>
      files
        .filter(({ path }) =>
          path.split(/[/.-]/).some((word) => /^(utils?|helpers?|common|managers?)$/i.test(word)),
        )
        .map(({ path }) => `${path}: name it after what it holds`),
    bad: { "src/utils/time.ts": "", "tests/helpers.ts": "", "src/cache-manager.ts": "", "db/common.sql": "" },
    good: { "src/community.ts": "", "src/http/managed.ts": "" },
  },
  {
    name: "no index.ts passes on what others hold",
    offenders: (files) =>
      files
        .filter(({ path }) => isProduct({ path }) && posix.basename(path) === "index.ts")
        .filter(({ text }) => /^\s*export\s+(type\s+)?(\*|\{[^}]*\})[^;"'`]*\bfrom\b/m.test(text))
        .map(({ path }) => `${path}: import from the file that holds it`),
    bad: {
      "src/channels/index.ts": `export * from "./email.ts";`,
      "db/index.ts": `export {\n  a,\n  b,\n} from "./schema.ts";`,
    },
    good: {
      "src/web/index.ts": "export const page = 1;",
      "src/channels/email.ts": `export { a } from "./channel.ts";`,
    },
  },
  {
    name: `a file of src/ and db/ holds one idea in at most ${linesMax} lines`,
    offenders: (files) =>
      files
        .filter(isProduct)
        .filter(({ path }) => !path.startsWith("db/migrations/meta/")) // Written by drizzle-kit.
        .map(({ path, text }) => ({ path, count: text.trimEnd().split("\n").length }))
        .filter(({ count }) => count > linesMax)
        .map(({ path, count }) => `${path}: ${count} lines; take the second idea out`),
    bad: { "src/long.ts": "\n".repeat(linesMax).concat("x"), "db/schema.ts": "\n".repeat(400).concat("x") },
    good: { "src/full.ts": "x\n".repeat(linesMax), "tests/long.test.ts": "x\n".repeat(400) },
  },
  {
    name: "what is suppressed says why, after a colon",
    offenders: (files) =>
      files.filter(isCode).flatMap((file) =>
        linesOf(file)
          .filter(({ line }) => suppression.test(line) && !suppressionWithReason.test(line))
          .map(({ where }) => `${where}: give the reason after a colon`),
      ),
    bad: {
      "src/a.ts": `// ${"biome"}-ignore lint/style/useConst`,
      "src/b.ts": `// ${"biome"}-ignore lint/style/useConst: <explanation>`,
      "tests/c.test.ts": `// ${"@ts"}-expect-error`,
      "db/d.ts": `/* ${"@ts"}-expect-error: */`,
    },
    good: {
      "src/a.ts": `// ${"biome"}-ignore lint/style/useConst: the driver assigns to it`,
      "src/b.ts": `// ${"@ts"}-expect-error: a caller without types may do this`,
    },
  },
  {
    name: "the type checker is not switched off",
    offenders: (files) =>
      files.filter(isTypeScript).flatMap((file) =>
        linesOf(file)
          .filter(({ line }) => /@ts[-](ignore|nocheck)|\bas\s+any\b(?!\s[a-z])|<any[>]/.test(line))
          .map(({ where }) => `${where}: say the type, or unknown and a check`),
      ),
    bad: {
      "src/a.ts": `// ${"@ts"}-ignore`,
      "src/b.ts": `const x = y as${" "}any;`,
      "tests/c.ts": `// ${"@ts"}-nocheck`,
    },
    good: { "src/a.ts": "const x = y as unknown; // as many as any other", "docs/a.md": `as${" "}any` },
  },
  {
    name: "SQL stands in db/",
    offenders: (files) =>
      files
        .filter(({ path }) => path.startsWith("src/"))
        .filter(isTypeScript)
        .flatMap(({ path, text }) =>
          [...text.matchAll(sql)].map(
            ({ index, 0: found }) =>
              `${path}:${lineAt(text, index)}: ${JSON.stringify(found.slice(0, 40))} belongs in db/queries/`,
          ),
        ),
    bad: {
      "src/a.ts": "await orm.execute(sql`vacuum`);",
      "src/b.ts": `run("insert into users values (1)");`,
      "src/c.ts": "run(`\n  update users\n  set name = 'x'`);",
      "src/d.ts": `run('DELETE FROM users');`,
      "src/e.ts": "run(`select id\n  from users`);",
      "src/f.ts": `run("with due as (select 1) ...");`,
      "src/g.ts": `sql.raw("vacuum")`,
    },
    good: {
      "src/a.ts": `title("Select what you need from the list"); title("update the settings");`,
      "db/queries/a.ts": "sql`select id from users`",
    },
  },
  {
    name: "tests wait on signals and do not sleep",
    offenders: (files) =>
      files
        .filter(({ path }) => /^tests\/.*\.(test|contract)\.ts$/.test(path))
        .flatMap((file) =>
          linesOf(file)
            .filter(({ line }) => sleep.test(line) && !/\/\/ bound:\s*\S/.test(line))
            .map(({ where }) => `${where}: await a signal, or eventually()`),
        ),
    bad: {
      "tests/a.test.ts": `await Bun${"."}sleep(100);`,
      "tests/b.test.ts": `await new Promise((done) => setTimeout${"("}done, 100));`,
      "tests/c.test.ts": `import { setTimeout } from "node:timers${"/"}promises";`,
      "tests/d.test.ts": `setTimeout${"("}stop, 100); // bound:`,
      "tests/adapters/e.contract.ts": `await Bun${"."}sleep(100);`,
    },
    good: {
      "tests/a.test.ts": `setTimeout${"("}stop, 5_000); // bound: the server closes idle connections after 2 s`,
      "tests/b.test.ts": `import { setImmediate } from "node:timers${"/"}promises";`,
      "tests/eventually.ts": `await Bun${"."}sleep(10);`,
    },
  },
  {
    name: "no file depends on one machine, and none says where packages come from",
    offenders: (files) =>
      files.flatMap((file) =>
        linesOf(file).flatMap(({ where, line }) =>
          [machinePath, ...(isAboutPackages(file) ? [packageSource] : [])].flatMap((pattern) => {
            const [found] = pattern.exec(line) ?? [];
            return found ? [`${where}: ${found}`] : [];
          }),
        ),
      ),
    bad: {
      "src/a.ts": `read("${"/"}home/ana/carillon")`,
      "README.md": `cd ${"/"}Users/ana`,
      "deploy/b.sh": `cat ${"/"}root/.netrc`,
      "k6/c.js": `open("C:${"\\"}Users")`,
      "bun.lock": `["zod@4.6.7", "https://packages.example/zod.tgz", {}]`,
      "bunfig.toml": `registry = "https://packages.example"`,
      "tests/services/requirements.txt": "--index-url https://packages.example/simple",
    },
    good: {
      "src/a.ts": `get("/v1/users/ana"); get("https://example.com/home/ana"); read("/etc/ssl")`,
      "README.md": "npm, Maven, https://example.org",
      "bun.lock": `["zod@4.6.7", "", {}, "sha512-abc"]`,
    },
  },
];

const suppression = /biome[-]ignore|@ts[-]expect-error/;
const suppressionWithReason = /(biome[-]ignore\S*\s[^:]+|@ts[-]expect-error):\s*[^\s<*]/;
const sleep = /\bBun\.sleep(Sync)?\s*\(|\bsetTimeout\s*\(|\bsetTimeout\b.*timers\/promises/;
/** A template of Drizzle's, or a string that starts as a statement does, in one case throughout. */
const sql =
  /\bsql(<[^>`]*>)?`|\bsql\.raw\(|["'`]\s*((insert\s+into|delete\s+from|update\s+\S+\s+set|select\s[^"'`]*\bfrom|with\s+\w+\s+as)\s|(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\S+\s+SET|SELECT\s[^"'`]*\bFROM|WITH\s+\w+\s+AS)\s)/g;
const machinePath = /(?<![\w.\-}])\/(home|Users|root|work)\/[\w.][^\s"'`)]*|\b[A-Z]:\\{1,2}Users/;
/** A lock file or a list of packages without an address works with whichever registry a machine is set up for. */
const packageSource = /\bhttps?:\/\/[^\s"']+/;

const project = await filesOf(join(import.meta.dir, ".."));

for (const { name, offenders, bad, good } of rules) {
  test(name, () => {
    expect(offenders(project)).toEqual([]);
  });

  describe(`the rule "${name}"`, () => {
    test.each(Object.entries(bad))("notices %s", (path, text) => {
      expect(offenders([{ path, text }])).toEqual([expect.stringContaining(path)]);
    });

    test.each(Object.entries(good))("allows %s", (path, text) => {
      expect(offenders([{ path, text }])).toEqual([]);
    });
  });
}

function isAboutPackages({ path }: SourceFile): boolean {
  return /(^|\/)(bun\.lock|bunfig\.toml|\.npmrc|requirements[\w.-]*\.txt|pom\.xml|go\.(mod|sum))$/.test(path);
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
