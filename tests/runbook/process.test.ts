/** What goes wrong with a process and its folder is caused, found by doctor, and cured as docs/runbook.md says. */
import { describe, expect, test } from "bun:test";
import { cp, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { carillon, statusOf } from "../command-line.ts";
import { eventually } from "../eventually.ts";
import { mortalWorkers } from "../faults/workers.ts";
import { mountFault, smallDisk } from "../process/small-disk.ts";
import { startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";
import { holdUp } from "./hold-up.ts";
import { doctorFor, openWard } from "./ward.ts";

const testTimeoutMs = 90_000;

test(
  "not-running: the process stands still, and goes on",
  async () => {
    await using ward = await openWard();
    ward.service.kill("SIGSTOP");
    const silent = await ward.look();
    expect(silent.of("service")).toMatchObject({ level: "fail", entry: "not-running" });
    expect(silent.of("service").found).toEndWith("is listened at, and does not answer within 5 s.");
    ward.service.kill("SIGCONT");
    await ward.isWell("service");
  },
  testTimeoutMs,
);

test(
  "event-loop-lag: the thread is held up again and again, and left alone",
  async () => {
    await using ward = await openWard();
    const looked = await ward.during(() => holdUp(ward.service));
    expect(looked.of("event loop")).toMatchObject({ level: "warn", entry: "event-loop-lag" });
    await ward.isWell("event loop");
  },
  testTimeoutMs,
);

test(
  "cache-misses: everybody is new, and then known",
  async () => {
    await using ward = await openWard();
    const notifications = Array.from({ length: 500 }, (_, nth) => ({
      to: `user-${nth}`,
      title: "Hello",
      body: "It works.",
    }));
    const send = () => ward.client.call("POST", "/v1/notifications/bulk", { notifications });
    const looked = await ward.during(send);
    expect(looked.of("hit rate")).toMatchObject({ level: "fail", entry: "cache-misses" });
    const after = await ward.during(send);
    expect(after.of("hit rate")).toMatchObject({ level: "ok" });
  },
  testTimeoutMs,
);

test(
  "workers-end: they end by themselves, and are counted until the next start",
  async () => {
    const stack = "PostgreSQL, Redis and Kafka";
    const env = { WORKERS: "1" };
    await using ward = await openWard({ stack, env, command: mortalWorkers });
    ward.service.kill("SIGUSR2");
    const ended = await ward.finds("workers", "workers-end");
    expect(ended.found).toBe("1 worker ended since the start, and began anew.");
    await using next = startService({ cwd: ward.folder.path, env: ward.env });
    await next.ready;
    const doctor = doctorFor({ env: { ...ward.env, PORT: "0" }, cwd: ward.folder.path }, next.url);
    await doctor.isWell("workers");
  },
  testTimeoutMs,
);

test(
  "lost-keys: nobody has an admin key any more, and one is given by ADMIN_KEY",
  async () => {
    await using folder = tempFolder();
    {
      await using first = startService({ cwd: folder.path });
      await first.ready;
    }
    const made = await carillon(["keys", "create", "--name", "ops", "--scopes", "admin"], {
      cwd: folder.path,
    });
    await using service = startService({ cwd: folder.path });
    await service.ready;
    expect(await statusOf(service, "crl_live_lost")).toBe(401);
    expect(await statusOf(service, made.stdout.trim())).toBe(200);
    expect(await statusOf(service, service.adminKey)).toBe(200);
  },
  testTimeoutMs,
);

test(
  "restore: the files of the database are gone, and a copy is put in their place",
  async () => {
    await using folder = tempFolder();
    const env = { DATA_DIR: join(folder.path, "data"), PORT: "0" };
    const doctor = doctorFor({ env, cwd: folder.path });
    await carillon(["migrate"], { env });
    await cp(env.DATA_DIR, join(folder.path, "backup"), { recursive: true });
    await rm(join(env.DATA_DIR, "postgres"), { recursive: true });
    const lost = await doctor.finds("data folder", "restore");
    expect(lost.level).toBe("fail");
    await rm(env.DATA_DIR, { recursive: true });
    await cp(join(folder.path, "backup"), env.DATA_DIR, { recursive: true });
    await doctor.isWell("data folder");
  },
  testTimeoutMs,
);

test(
  "wrong-clock: the data was last started in the future, as seen from a clock that is behind",
  async () => {
    await using folder = tempFolder();
    const env = { DATA_DIR: join(folder.path, "data"), PORT: "0" };
    const doctor = doctorFor({ env, cwd: folder.path });
    await carillon(["migrate"], { env });
    // A clock that is behind cannot be had without the machine's: so the mark of the last start is ahead.
    const started = join(env.DATA_DIR, "process");
    const ahead = new Date(Date.now() + 3_600_000);
    await utimes(started, ahead, ahead);
    await doctor.finds("clock", "wrong-clock");
    const now = new Date();
    await utimes(started, now, now);
    await doctor.isWell("clock");
  },
  testTimeoutMs,
);

const fault = mountFault();

describe.skipIf(fault !== null)(`on a disk of its own${fault ? ` (skipped: ${fault})` : ""}`, () => {
  test(
    "full-disk: nothing is accepted, until there is room",
    async () => {
      await using disk = smallDisk(300);
      await using ward = await openWard({ env: { DATA_DIR: join(disk.path, "data") } });
      const hello = { to: "ana", title: "Hello", body: "It works." };
      disk.leave(8 * 1024 ** 2);
      const status = async () => (await ward.client.call("POST", "/v1/notifications", hello)).status;
      await eventually(async () => (await status()) === 507);
      const looked = await ward.look();
      expect(looked.of("disk left")).toMatchObject({ level: "fail", entry: "full-disk" });
      expect(looked.of("disk")).toMatchObject({ level: "fail", entry: "full-disk" });
      disk.makeRoom();
      await eventually(async () => (await status()) === 202);
      await ward.isWell("disk left");
    },
    testTimeoutMs,
  );
});
