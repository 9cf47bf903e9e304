import { existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { Counter, Gauge, type Registry } from "prom-client";

/** /proc/diskstats counts in these, whatever a disk's own are. */
const sectorBytes = 512;
/** What is no disk of its own: partitions, and devices that lie on others. */
const notADisk =
  /^(loop|ram|zram|dm-|md|sr)|^(sd[a-z]+|vd[a-z]+|xvd[a-z]+)\d+$|^(nvme\d+n\d+|mmcblk\d+)p\d+$/;

/**
 * What the machine has and how much of it is used, as this process sees it, read when the metrics are asked for.
 * Once a process.
 *
 * @param folder of the data; its file system is the one that is watched
 */
export function watchMachine(registry: Registry, folder: string): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `carillon_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  const counter = (name: string, help: string, label: string, values: () => Record<string, number>) =>
    new Counter({
      name: `carillon_machine_${name}_total`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [word, value] of Object.entries(values())) this.inc({ [label]: word }, value);
      },
    });

  gauge("cpus", "CPUs that the process may use", allowedCpus);
  gauge(
    "memory_limit_bytes",
    "Memory that the process may use: its control group's, else the machine's",
    () => Math.min(process.constrainedMemory() || totalmem(), totalmem()),
  );
  gauge("machine_memory_bytes", "Memory that the machine has", totalmem);
  gauge("machine_memory_available_bytes", "Memory of the machine that can still be had", freemem);
  counter("cpu_seconds", "Time of all CPUs of the machine, by what they did", "mode", cpuSeconds);
  counter(
    "network_bytes",
    "Bytes over the machine's network, loopback left out (Linux)",
    "direction",
    network,
  );
  counter("disk_bytes", "Bytes from and to the machine's disks (Linux)", "direction", disks);
  const nearest = nearestFolder(folder);
  gauge("disk_bytes", "Size of the file system of DATA_DIR", () => fileSystem(nearest).size);
  gauge("disk_free_bytes", "What is free of the file system of DATA_DIR", () => fileSystem(nearest).free);
}

/** With a quota of its control group, so many; a part of one is possible. */
function allowedCpus(): number {
  const [quota, period] = textOf("/sys/fs/cgroup/cpu.max").split(" ").map(Number);
  const limit = quota && period ? quota / period : Number.POSITIVE_INFINITY;
  return Math.min(availableParallelism(), limit);
}

function cpuSeconds(): Record<string, number> {
  const sum = { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 };
  for (const { times } of cpus()) {
    for (const mode of Object.keys(sum) as (keyof typeof sum)[]) sum[mode] += times[mode] / 1000;
  }
  return sum;
}

function network(): Record<string, number> {
  const sum = { received: 0, sent: 0 };
  for (const [, name, figures = ""] of textOf("/proc/net/dev").matchAll(/^\s*([^\s:]+):(.*)$/gm)) {
    if (name === "lo") continue;
    const columns = figures.trim().split(/\s+/).map(Number);
    sum.received += columns[0] ?? 0;
    sum.sent += columns[8] ?? 0;
  }
  return sum;
}

function disks(): Record<string, number> {
  const sum = { read: 0, written: 0 };
  for (const line of textOf("/proc/diskstats").trim().split("\n")) {
    const [, , name = "", , , read = 0, , , , written = 0] = line.trim().split(/\s+/);
    if (name === "" || notADisk.test(name)) continue;
    sum.read += Number(read) * sectorBytes;
    sum.written += Number(written) * sectorBytes;
  }
  return sum;
}

function fileSystem(folder: string): { size: number; free: number } {
  const { bsize, blocks, bavail } = statfsSync(folder);
  return { size: bsize * blocks, free: bsize * bavail };
}

/** The folder, or the one that it will be made in. */
function nearestFolder(folder: string): string {
  let path = resolve(folder);
  while (!existsSync(path)) path = dirname(path);
  return path;
}

/** Of a file that only Linux has; empty elsewhere. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
