/** A service that something is done to, and the doctor that looks at it: as an operator would, by the command. */
import type { Finding, RunbookEntry } from "../../src/doctor-finding.ts";
import { carillon } from "../command-line.ts";
import { eventually } from "../eventually.ts";
import { type Client, createClient } from "../process/client.ts";
import { newAdminKey, type Service, startService } from "../process.ts";
import { openStack, type StackName } from "../stacks.ts";
import { type TempFolder, tempFolder } from "../temp-folder.ts";

const timeoutMs = 40_000;

/** What doctor found by one look. */
export interface Look {
  findings: Finding[];
  /** Of the one check that is asked for: the worst. */
  of(check: string): Finding;
}

export interface Doctor {
  /** @param seconds for how long a running service is watched */
  look(seconds?: number): Promise<Look>;
  /** Resolves once the check leads to the entry, with what was found. */
  finds(check: string, entry: RunbookEntry): Promise<Finding>;
  /** Resolves once the check finds nothing wrong. */
  isWell(check: string): Promise<void>;
}

/** @param env the settings, and PORT=0 where no service is to be looked for @param url of a service that runs */
export function doctorFor({ env, cwd }: { env: Record<string, string>; cwd: string }, url?: string): Doctor {
  async function look(seconds = 0.5): Promise<Look> {
    const at = url === undefined ? [] : ["--url", url];
    const ran = await carillon(["doctor", "--json", "--seconds", String(seconds), ...at], { cwd, env });
    if (ran.stderr !== "") throw new Error(ran.stderr);
    const { findings } = JSON.parse(ran.stdout) as { findings: Finding[] };
    return {
      findings,
      of(check) {
        const ranks = ["fail", "warn", "ok"];
        const [worst] = findings
          .filter((finding) => finding.check === check)
          .sort((a, b) => ranks.indexOf(a.level) - ranks.indexOf(b.level));
        if (worst === undefined) throw new Error(`doctor says nothing of ${check}:\n${ran.stdout}`);
        return worst;
      },
    };
  }
  /** The worst finding of the check, once it is right. */
  const until = (check: string, isRight: (found: Finding) => boolean) =>
    eventually(
      async () => {
        const found = (await look()).of(check);
        if (!isRight(found)) throw new Error(Bun.inspect(found));
        return found;
      },
      { timeoutMs },
    );
  return {
    look,
    finds: (check, entry) => until(check, (found) => found.entry === entry && found.level !== "ok"),
    async isWell(check) {
      await until(check, ({ level }) => level === "ok");
    },
  };
}

export interface Ward extends Doctor, AsyncDisposable {
  service: Service;
  client: Client;
  env: Record<string, string>;
  folder: TempFolder;
  /** One look during which `act` is done: what it brings about is in what doctor compares. */
  during(act: () => Promise<unknown>): Promise<Look>;
}

interface WardOptions {
  stack?: StackName;
  env?: Record<string, string>;
  command?: string[];
}

/** A service of its own on a stack of its own. */
export async function openWard({
  stack: name = "embedded",
  env = {},
  command,
}: WardOptions = {}): Promise<Ward> {
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(await openStack(name));
  const folder = opening.use(tempFolder());
  // Its log says when its metrics are read.
  const settings = { ...stack.env, ADMIN_KEY: newAdminKey(), LOG_LEVEL: "debug", ...env };
  const options = { cwd: folder.path, env: settings };
  const service = opening.use(startService({ ...options, ...(command === undefined ? {} : { command }) }));
  await service.ready;
  const kept = opening.move();
  const doctor = doctorFor({ cwd: folder.path, env: { ...settings, PORT: "0" } }, service.url);
  const reads = () => service.stderr().split('"route":"/metrics"').length;
  return {
    ...doctor,
    service,
    client: createClient({ url: service.url, key: service.adminKey }),
    env: settings,
    folder,
    async during(act) {
      const before = reads();
      const looking = doctor.look(lookSeconds);
      await eventually(() => reads() > before, { timeoutMs });
      await act();
      return looking;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Long enough for what is done meanwhile. */
const lookSeconds = 3;
