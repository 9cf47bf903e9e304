import { loadConfig } from "./config.ts";
import { StartError } from "./errors.ts";
import { startService } from "./serve.ts";

export async function runCli([command = "serve"]: string[]): Promise<number> {
  try {
    const service = await startService(loadConfig(process.env), { dev: command === "dev" });
    await new Promise<void>((resolve) => {
      process.once("SIGTERM", () => resolve());
      process.once("SIGINT", () => resolve());
    });
    await service.stop();
    return 0;
  } catch (error) {
    if (error instanceof StartError) {
      console.error(error.message);
      return 1;
    }
    throw error;
  }
}
