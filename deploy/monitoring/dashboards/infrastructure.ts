import { targets } from "../../../src/targets.ts";
import { dashboard } from "./dashboard.ts";
import { figure, lines } from "./panel.ts";

export const infrastructure = dashboard(
  "infrastructure",
  "infrastructure",
  "CPU, memory, disk and network, as the service sees them of itself and of its machine.",
  {
    "At a glance": [
      figure("CPU of the process", `max(carillon:cpu:ratio{of="process"})`, {
        says: "Of the CPUs that it may use.",
        unit: "share",
        target: targets.cpuRatio,
      }),
      figure("CPU of the machine", `max(carillon:cpu:ratio{of="machine"})`, {
        says: "Of all its CPUs.",
        unit: "share",
        target: targets.cpuRatio,
      }),
      figure("Memory of the process", `max(carillon:memory:ratio{of="process"})`, {
        says: "Of the memory that it may use.",
        unit: "share",
        target: targets.memoryRatio,
      }),
      figure("Memory of the machine", `max(carillon:memory:ratio{of="machine"})`, {
        says: "That cannot be had any more.",
        unit: "share",
        target: targets.memoryRatio,
      }),
      figure("Disk free", "min(carillon:disk_free:ratio)", {
        says: "Of the file system of the data folder.",
        unit: "share",
        target: { warning: 0.1, critical: 0.05 },
      }),
      figure("Running for", `min(time() - process_start_time_seconds{job="carillon"})`, {
        says: "Since the youngest process started.",
        unit: "seconds",
      }),
    ],
    Process: [
      lines(
        "CPU",
        {
          "{{instance}} user": `rate(process_cpu_user_seconds_total{job="carillon"}[$__rate_interval])`,
          "{{instance}} system": `rate(process_cpu_system_seconds_total{job="carillon"}[$__rate_interval])`,
          "{{instance}} may use": "carillon_cpus",
        },
        { says: "CPUs that are in use." },
      ),
      lines(
        "Memory",
        {
          "{{instance}} resident": `process_resident_memory_bytes{job="carillon"}`,
          "{{instance}} JavaScript": `nodejs_heap_size_used_bytes{job="carillon"}`,
          "{{instance}} outside of it": `nodejs_external_memory_bytes{job="carillon"}`,
        },
        { says: "What the process holds, and what of it the program does.", unit: "bytes" },
      ),
      lines(
        "Event loop",
        {
          "{{instance}} p99": "carillon_event_loop_lag_seconds",
          "{{instance}} longest": "carillon_event_loop_lag_max_seconds",
        },
        { says: "How long it stood, of the thread where it stood longest.", unit: "seconds" },
      ),
      lines(
        "Open files",
        {
          "{{instance}}": `process_open_fds{job="carillon"} / process_max_fds{job="carillon"}`,
        },
        { says: "Connections and files, of those that the process may open.", unit: "share" },
      ),
      lines(
        "Log lines dropped",
        { "{{instance}}": "rate(carillon_log_lines_dropped_total[$__rate_interval])" },
        { says: "Whoever reads stderr does not keep up, or has stopped." },
      ),
    ],
    Machine: [
      lines(
        "CPU",
        {
          "{{instance}} {{mode}}": `rate(carillon_machine_cpu_seconds_total{mode!="idle"}[$__rate_interval])`,
        },
        { says: "CPUs that are in use, whoever uses them." },
      ),
      lines(
        "Memory",
        {
          "{{instance}} in use": "carillon_machine_memory_bytes - carillon_machine_memory_available_bytes",
          "{{instance}} there is": "carillon_machine_memory_bytes",
        },
        { says: "Whoever uses it.", unit: "bytes" },
      ),
      lines(
        "Disk",
        { "{{instance}} {{direction}}": "rate(carillon_machine_disk_bytes_total[$__rate_interval])" },
        { says: "What went from and to the machine's disks.", unit: "bytesPerSecond" },
      ),
      lines(
        "Network",
        { "{{instance}} {{direction}}": "rate(carillon_machine_network_bytes_total[$__rate_interval])" },
        { says: "What the machine's network carried, loopback left out.", unit: "bytesPerSecond" },
      ),
      lines(
        "Disk space",
        { "{{instance}} free": "carillon_disk_free_bytes", "{{instance}} there is": "carillon_disk_bytes" },
        { says: "Of the file system of the data folder.", unit: "bytes" },
      ),
    ],
  },
);
