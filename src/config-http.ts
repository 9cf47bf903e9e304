import { z } from "zod";
import { integer, setting } from "./config-setting.ts";

/** An origin as browsers send it (RFC 6454 §6.2): scheme, host and port, nothing behind. */
const origins = z.string().transform((text, context) =>
  text.split(",").map((part) => {
    const origin = part.trim();
    if (URL.parse(origin)?.origin === origin) return origin;
    context.addIssue({ code: "custom", message: `"${origin}" is no origin such as https://app.example.com` });
    return z.NEVER;
  }),
);

/** How HTTP is spoken. */
export const httpSettings = {
  keepAliveSeconds: setting({
    name: "KEEP_ALIVE_SECONDS",
    default: "65",
    unit: "s",
    sentence:
      "How long a connection may be silent before it is closed: longer than a proxy before it keeps its own (nginx and AWS: 60 s).",
    schema: integer(1, 255),
  }),
  compressionLevel: setting({
    name: "COMPRESSION_LEVEL",
    default: "6",
    unit: "level",
    sentence:
      "How hard gzip works on answers above 1 KB, from 1 (fast) to 9 (small); 0 sends everything as it is.",
    schema: integer(0, 9),
  }),
  acceptWaitMs: setting({
    name: "ACCEPT_WAIT_MS",
    default: "1000",
    unit: "ms",
    sentence:
      "How long what is critical may wait to be stored before more of it is refused with 503; high ¾, normal ½ and low ¼ of it.",
    schema: integer(20, 60_000),
  }),
  corsOrigins: setting({
    name: "CORS_ORIGINS",
    default: null,
    unit: "origin,…",
    sentence: "Web pages of these origins may call the API from a browser, as https://app.example.com.",
    schema: origins,
  }),
};
