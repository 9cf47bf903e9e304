/**
 * `carillon`, but for one thing: SIGUSR2 ends its workers wherever they are. A thread cannot be killed from outside, so
 * the handles of the workers are kept here, and `terminate` is called on them, which gives them no word before their end.
 */
const workers = new Set<Worker>();

globalThis.Worker = class extends Worker {
  constructor(...given: ConstructorParameters<typeof Worker>) {
    super(...given);
    workers.add(this);
    this.addEventListener("close", () => workers.delete(this));
  }
};
process.on("SIGUSR2", () => {
  for (const worker of workers) worker.terminate();
});

const { runCli } = await import("../../src/cli.ts");
await runCli(process.argv.slice(2));

export {};
