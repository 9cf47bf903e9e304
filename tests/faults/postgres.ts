/** PostgreSQL that is restarted, that cuts connections, that stands still. */
import { onServer } from "../databases.ts";
import { eventually } from "../eventually.ts";
import type { Fault } from "./fault.ts";
import { serverOf } from "./stack.ts";

/** How long it is gone: so long that connections are refused, not only cut. */
const downMs = 1000;
const exitMaxMs = 10_000;
/** Between two rounds of cutting every connection. */
const terminateEveryMs = 500;
/** What a request may take while the database is silent: its answer is 202 or 503, and it comes. */
const silentAnswerMaxMs = 12_000;

const restart: Fault = {
  name: "PostgreSQL restarted",
  stacks: ["postgres", "all"],
  shortOn: ["postgres"],
  recoverMaxMs: 8000,
  answerMaxMs: 10_000,
  async inject({ stack, seats }) {
    const postgres = serverOf(stack, "postgres");
    await postgres.stop();
    await Bun.sleep(downMs);
    await postgres.restart();
    return { interrupted: seats.length };
  },
};

const killed: Fault = {
  name: "PostgreSQL killed and restarted",
  stacks: ["postgres"],
  shortOn: ["postgres"],
  recoverMaxMs: 8000,
  answerMaxMs: 10_000,
  async inject({ stack, seats }) {
    const postgres = serverOf(stack, "postgres");
    await postgres.kill();
    await Bun.sleep(downMs);
    await postgres.restart();
    return { interrupted: seats.length };
  },
};

const terminated: Fault = {
  name: "every connection to PostgreSQL cut, again and again",
  stacks: ["postgres", "all"],
  shortOn: ["postgres"],
  recoverMaxMs: 5000,
  answerMaxMs: 10_000,
  async inject({ stack, form }) {
    const { url } = serverOf(stack, "postgres");
    for (let round = 0; round < form.rounds; round++) {
      await onServer(
        url,
        (sql) =>
          sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'carillon'`,
      );
      await Bun.sleep(terminateEveryMs);
    }
    return { interrupted: 0 };
  },
};

const paused: Fault = {
  name: "PostgreSQL stopped by SIGSTOP",
  stacks: ["postgres", "all"],
  shortOn: ["postgres"],
  recoverMaxMs: 8000,
  answerMaxMs: silentAnswerMaxMs,
  async inject({ stack, seats, form }) {
    const postgres = serverOf(stack, "postgres");
    postgres.pause();
    await Bun.sleep(form.pauseMs);
    postgres.resume();
    return { interrupted: seats.length };
  },
};

/** SIGTERM comes while the database is silent: the process ends in time, and its successor finishes its work. */
const stopWhilePaused: Fault = {
  name: "SIGTERM while PostgreSQL is stopped",
  stacks: ["postgres", "all"],
  shortOn: ["postgres"],
  recoverMaxMs: 30_000,
  answerMaxMs: silentAnswerMaxMs,
  async inject({ stack, seats }) {
    const postgres = serverOf(stack, "postgres");
    postgres.pause();
    const ends = await Promise.all(seats.map((seat) => seat.stop())).finally(() => postgres.resume());
    await Promise.all(seats.map((seat) => seat.start()));
    const late = ends.filter(({ exitMs }) => exitMs > exitMaxMs);
    return {
      interrupted: seats.length,
      violations: late.map(({ exitMs }) => `a process ended ${Math.round(exitMs)} ms after SIGTERM`),
    };
  },
};

/** More rows than may wait in a process (20,000), and what their answer may take while nothing is stored. */
const flood = { requests: 60, rows: 1000, refusedWithinMs: 10_000 };
/** Of each process: what two flushes hold, whose outcome is not known while the database is silent. */
const heldRequests = 2;

/** What comes while the database is silent is refused in bounded time, and does not pile up. */
const flooded: Fault = {
  name: "more than may wait comes while PostgreSQL is stopped",
  stacks: ["postgres"],
  shortOn: ["postgres"],
  recoverMaxMs: 15_000,
  answerMaxMs: silentAnswerMaxMs,
  async inject({ stack, seats, client, ledger }) {
    const postgres = serverOf(stack, "postgres");
    postgres.pause();
    const statuses: number[] = [];
    const all = Array.from({ length: flood.requests }, async (_, request) => {
      const notifications = Array.from({ length: flood.rows }, (_, row) => ({
        to: "flooded",
        title: `flood ${request} ${row}`,
        body: "Too much.",
        channels: ["inbox"],
      }));
      for (const { title } of notifications) ledger.asked.add(title);
      statuses.push((await client().call("POST", "/v1/notifications/bulk", { notifications })).status);
    });
    const refused = () => statuses.filter((status) => status === 503).length;
    const wanted = flood.requests - seats.length * heldRequests;
    const violations: string[] = [];
    await eventually(() => refused() >= wanted, { timeoutMs: flood.refusedWithinMs }).catch(() =>
      violations.push(`${refused()} of ${wanted} were refused within ${flood.refusedWithinMs} ms`),
    );
    postgres.resume();
    await Promise.allSettled(all);
    return { interrupted: seats.length, violations };
  },
};

export const postgresFaults = [restart, killed, terminated, paused, flooded, stopWhilePaused];
