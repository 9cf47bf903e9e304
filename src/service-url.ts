import { settings } from "./config.ts";

/** Where a service with the same HOST and PORT is asked; what listens on all addresses, on loopback. */
export function serviceUrl(environment: Record<string, string | undefined>): string {
  const host = environment[settings.host.name] || "127.0.0.1";
  const port = environment[settings.port.name] || settings.port.default;
  const asked = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${asked.includes(":") ? `[${asked}]` : asked}:${port}`;
}
