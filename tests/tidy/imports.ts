import { posix } from "node:path";
import { isProduct, isTypeScript, type Rule, type SourceFile } from "./rule.ts";

/** The parts of the product, first match wins, and what each may import besides itself. */
const parts: { part: string; path: RegExp; imports: string[] }[] = [
  {
    part: "entry",
    path: /^src\/(main|cli(-\w+)?|doctor(-\w+)*|spelling|server-address|service-url|metrics-text|greeting|serve|worker)\.ts$/,
    imports: ["app", "http", "pipeline", "channels", "config", "db", "open"],
  },
  {
    part: "app",
    path: /^src\/(app|parts(-\w+)*|probes|thread-metrics|worker-(pool|share))\.ts$/,
    imports: ["adapters", "http", "pipeline", "channels", "config", "db", "open"],
  },
  // The words of the product, the errors, what is logged and counted, its targets, and the ports.
  {
    part: "open",
    path: /^(src\/(errors|targets|asked-once|within|telemetry(-\w+)*|trace-context|ports|channels\/channel)\.ts|package\.json)$/,
    imports: [],
  },
  // Its types are open to all; its values are read at the entry alone, and handed on.
  { part: "config", path: /^src\/config(-\w+)?\.ts$/, imports: ["channels", "open"] },
  { part: "http", path: /^src\/http\//, imports: ["pipeline", "channels", "db", "open"] },
  { part: "pipeline", path: /^src\/pipeline\//, imports: ["channels", "db", "open"] },
  { part: "channels", path: /^src\/channels\//, imports: ["open"] },
  { part: "adapters", path: /^src\/adapters\//, imports: ["db", "open"] },
  { part: "db", path: /^db\//, imports: [] },
];

export const importsPointOneWay: Rule = {
  name: "imports point the way the design says",
  offenders: (files) => files.filter(isProduct).filter(isModule).flatMap(wrongImports),
  bad: {
    "src/pipeline/plan.ts": `import { app } from "../http/server.ts"; app();`,
    "src/http/server.ts": `export * from "../adapters/cache-memory.ts";`,
    "src/serve.ts": `await import("./adapters/cache-redis.ts");`,
    "src/channels/email.ts": `import { cancel } from "../../db/queries/deliveries.ts"; cancel();`,
    "src/errors.ts": `import { plan } from "./pipeline/plan.ts"; plan();`,
    "db/queries/users.ts": `import { ClientError } from "../../src/errors.ts"; throw new ClientError();`,
    "src/app.ts": `import { steppedClock } from "../tests/clock.ts"; steppedClock();`,
    "src/stray.ts": "export const belongsNowhere = true;",
  },
  good: {
    "src/app.ts": `import { memory } from "./adapters/cache-memory.ts"; import "./http/server.ts"; memory();`,
    "src/ports.ts": `import type { Channel } from "./channels/channel.ts"; export type Lane = Channel;`,
    "src/pipeline/accept.ts": `import "../../db/queries/notifications.ts"; import "./plan.ts"; import "zod";`,
    "src/adapters/database-pglite.ts": `import data from "../../node_modules/pglite/data.tgz"; open(data);`,
    "src/main.ts": `#!/usr/bin/env bun\nimport "./serve.ts";`,
    "src/assets.d.ts": `declare module "*.tgz" {}`,
    "tests/app.test.ts": `import "../src/adapters/cache-memory.ts";`,
  },
};

function wrongImports({ path, text }: SourceFile): string[] {
  const from = partOf(path);
  if (!from) return [`${path}: no part of the design; add one to tests/tidy/imports.ts`];
  return new Bun.Transpiler({ loader: path.endsWith("x") ? "tsx" : "ts" })
    .scanImports(text.replace(/^#!.*/, "")) // It takes no shebang (Bun 1.4.4).
    .filter((imported) => imported.path.startsWith("."))
    .map((imported) => posix.join(posix.dirname(path), imported.path))
    .filter((target) => !target.startsWith("node_modules/")) // A package's asset, embedded into the binary.
    .filter((target) => {
      const part = partOf(target)?.part;
      return !part || (part !== from.part && !from.imports.includes(part));
    })
    .map(
      (target) =>
        `${path}: imports ${target}; ${from.part} may import ${from.imports.join(", ") || "nothing"}`,
    );
}

function partOf(path: string) {
  return parts.find((part) => part.path.test(path));
}

/** Declarations of modules (`*.d.ts`) import nothing when run. */
function isModule(file: SourceFile): boolean {
  return isTypeScript(file) && !file.path.endsWith(".d.ts");
}
