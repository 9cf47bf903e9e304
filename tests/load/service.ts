/** The service under load, a process of its own on a stack, with a receiver of its webhooks beside it. */
import { webhookSecret } from "../bench/bodies.ts";
import { startReceiver } from "../bench/receiver.ts";
import { type Service, startService } from "../process.ts";
import { tempFolder } from "../temp-folder.ts";

export interface UnderLoad extends AsyncDisposable {
  service: Service;
  hookUrl: string;
}

/**
 * @param env its settings, those of its stack among them
 * @throws Error with its words where it does not start
 */
export async function startUnderLoad(env: Record<string, string>): Promise<UnderLoad> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(tempFolder());
  const receiver = started.use(await startReceiver());
  const service = started.use(
    startService({
      cwd: folder.path,
      env: {
        DATA_DIR: folder.path,
        RATE_LIMIT_PER_MINUTE: "0", // All users come with one key.
        WEBHOOK_SECRET: webhookSecret,
        WEBHOOK_ALLOW_PRIVATE: "1",
        LOG_LEVEL: "warn",
        ...env,
      },
    }),
  );
  await service.ready;
  const running = started.move();
  return {
    service,
    hookUrl: receiver.hookUrl,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
