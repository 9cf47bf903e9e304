/**
 * A real HAProxy on the shipped configuration, before two processes, for one test. But it does not try the other process
 * where one cannot be reached, as simpler load balancers do not: what the processes do when they leave must be enough.
 */
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { onceGone } from "../process.ts";
import { freePorts } from "../services/ports.ts";
import { tempFolder } from "../temp-folder.ts";

const shipped = join(import.meta.dir, "../../deploy/haproxy.cfg");

export interface Haproxy extends AsyncDisposable {
  url: string;
  /** Resolves once it gives requests to both. */
  bothInTurn(): Promise<void>;
}

/** Debian's (apt-get install haproxy). @param ports of the two processes, in the file's order */
export async function startHaproxy([first, second]: [number, number]): Promise<Haproxy> {
  const program = process.env.TEST_HAPROXY || Bun.which("haproxy", { PATH: `${process.env.PATH}:/usr/sbin` });
  if (!program) throw new Error("HAProxy is not installed: apt-get install haproxy, then try again.");
  const folder = tempFolder();
  const [port = 0, statsPort = 0] = freePorts(2);
  const config = (await Bun.file(shipped).text())
    .replace("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replace("127.0.0.1:3001", `127.0.0.1:${first}`)
    .replace("127.0.0.1:3002", `127.0.0.1:${second}`)
    .replace(/ {2}retries 3\n {2}retry-on conn-failure\n {2}option redispatch 1\n/, "  retries 0\n")
    .concat(`\nlisten stats\n  bind 127.0.0.1:${statsPort}\n  stats enable\n  stats uri /\n`);
  const path = join(folder.path, "haproxy.cfg");
  await Bun.write(path, config);
  const child = Bun.spawn([program, "-q", "-db", "-f", path], { stdio: ["ignore", "inherit", "inherit"] });
  const killing = onceGone("kill", "-KILL", String(child.pid));
  const bothInTurn = async () => {
    await eventually(async () => {
      const table = await (await fetch(`http://127.0.0.1:${statsPort}/;csv`)).text();
      // A state with a fraction is on its way up or down.
      return table.match(/^carillon,(first|second),.*?,UP,/gm)?.length === 2;
    });
  };
  await bothInTurn();
  return {
    url: `http://127.0.0.1:${port}`,
    bothInTurn,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      killing.cancel();
      await folder[Symbol.asyncDispose]();
    },
  };
}
