/** Processes of the benchmark's own: what measures, and what is measured beside the service. */

/** Runs a script of this folder with options as JSON and gives what its last line says, as JSON. */
export async function runScript<Result>(script: string, options: unknown): Promise<Result> {
  const child = spawn(script, options);
  const [code, output] = await Promise.all([child.exited, child.stdout.text()]);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${last}`);
  return JSON.parse(last) as Result;
}

/** Starts a script that goes on until it is disposed of; resolves once it said its first line. */
export async function startScript(script: string, options: unknown): Promise<AsyncDisposable> {
  const child = spawn(script, options);
  const { done } = await firstOf(child.stdout);
  if (done) throw new Error(`${script} ended with ${await child.exited} before it was ready`);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Its first piece; the rest is read and dropped, since a full pipe would hold the script up. */
async function firstOf(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const first = await reader.read();
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return first;
}

const spawn = (script: string, options: unknown) =>
  Bun.spawn([process.execPath, `${import.meta.dir}/${script}`, JSON.stringify(options)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    // graphile-worker says nothing of each job that went well: a line a job would be the most that it does.
    env: { ...process.env, NO_LOG_SUCCESS: "1" },
  });
