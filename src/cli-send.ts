import { type Command, Option } from "commander";
import { z } from "zod";
import { channels, priorities } from "./channels/channel.ts";
import { settings } from "./config.ts";
import { StartError } from "./errors.ts";

/** How long a request may take, in milliseconds. */
const requestTimeoutMs = 10_000;
/** How long --wait waits for the last delivery, and how often it asks, in milliseconds. */
const waitMs = 30_000;
const pollMs = 200;

interface SendOptions {
  to: string;
  title: string;
  body: string;
  email?: string;
  channels?: string[];
  priority?: string;
  url: string;
  key?: string;
  wait?: true;
}

/** Where to ask, and as whom. */
interface Service {
  url: string;
  key: string;
}

/** Of the answers, what is printed: the service may be of another version. */
const accepted = z.object({ id: z.string() });
const detail = z.object({
  status: z.string(),
  reason_detail: z.string().nullable(),
  deliveries: z.array(
    z.object({
      channel: z.string(),
      status: z.string(),
      reason_detail: z.string().nullable(),
      attempts: z.array(z.object({ provider: z.string(), answer: z.string() })),
    }),
  ),
});

type Detail = z.output<typeof detail>;

const afterHelp = `
Prints the notification's id; with --wait also its deliveries, and fails unless it was sent.
The key comes from --key, CARILLON_KEY or ADMIN_KEY, in this order; --wait needs the scope read too.

Examples:
  CARILLON_KEY=crl_live_… carillon send --to ana --title Hello --body "It works" --wait
  carillon send --to ana --email ana@example.com --channels email --title Hello --body "It works"`;

export function addSendCommand(program: Command): void {
  program
    .command("send")
    .description("Send a notification through a running service.")
    .requiredOption("--to <user>", "Your own id of the user who gets it.")
    .requiredOption("--title <text>", "One line; the subject of an email.")
    .requiredOption("--body <text>", "What it says.")
    .option("--email <address>", "The user's address, kept in their profile.")
    .option("--channels <list>", `Some of ${channels.join(", ")}; else all with an address.`, (list) =>
      list.split(","),
    )
    .addOption(new Option("--priority <priority>", "How urgent it is.").choices(priorities))
    .option("--url <url>", "Where the service listens.", defaultUrl())
    .option("--key <key>", "An API key with the scope send; better in the environment.")
    .option("--wait", `Wait up to ${waitMs / 1000} s until it is delivered everywhere, or was given up.`)
    .addHelpText("after", afterHelp)
    .action(async (options: SendOptions, command: Command) => {
      const key = options.key ?? (process.env.CARILLON_KEY || process.env.ADMIN_KEY);
      if (!key) command.error("error: no key was given: set CARILLON_KEY, ADMIN_KEY or --key");
      if (!URL.canParse(options.url)) command.error(`error: --url ${options.url} is no URL`);
      await send({ url: options.url.replace(/\/+$/, ""), key }, options);
    });
}

const defaultUrl = () => `http://127.0.0.1:${process.env[settings.port.name] || settings.port.default}`;

async function send(service: Service, { to, email, title, body, channels, priority, wait }: SendOptions) {
  const recipient = email === undefined ? to : { user_id: to, email };
  const notification = { to: recipient, title, body, channels, priority };
  const { id } = await ask(service, "/v1/notifications", accepted, notification);
  console.log(id);
  if (wait) await report(await closed(service, id));
}

const isOpen = ({ status }: Detail) => ["scheduled", "pending", "processing"].includes(status);

/** The notification once nothing of it is under way any more, or as it is when the time is up. */
async function closed(service: Service, id: string): Promise<Detail> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const notification = await ask(service, `/v1/notifications/${id}`, detail);
    if (!isOpen(notification) || performance.now() > deadlineMs) return notification;
    await Bun.sleep(pollMs);
  }
}

function report(notification: Detail): void {
  for (const { channel, status, reason_detail, attempts } of notification.deliveries) {
    const last = attempts.at(-1);
    const why = [reason_detail, last && `${last.provider}: ${last.answer}`].filter(Boolean).join("; ");
    console.log(`${channel.padEnd(8)} ${status.padEnd(9)} ${why}`.trimEnd());
  }
  const { status, reason_detail } = notification;
  if (status === "sent") return;
  throw new StartError(
    isOpen(notification)
      ? `Not finished within ${waitMs / 1000} s: it is still ${status} and goes on without this command.`
      : `It is ${status}${reason_detail === null ? "" : `: ${reason_detail}`}.`,
  );
}

const problemAnswer = z.object({
  code: z.string(),
  title: z.string(),
  detail: z.string(),
  errors: z
    .array(z.object({ pointer: z.string().optional(), parameter: z.string().optional(), detail: z.string() }))
    .default([]),
});

/** A POST where there is a body, else a GET. Throws a StartError with what the service said was wrong. */
async function ask<T>({ url, key }: Service, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
  const { status, answer } = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(requestTimeoutMs),
  }).then(
    async (response) => ({ status: response.status, answer: await response.json().catch(() => null) }),
    (error: Error & { code?: string }) => {
      const why = error.code === "ECONNREFUSED" ? "nothing listens there" : error.message;
      throw new StartError(`${url} does not answer: ${why}. Is "carillon serve" running, and --url right?`);
    },
  );
  const good = z.object({ data: schema }).safeParse(answer);
  if (good.success) return good.data.data;
  const { success, data: problem } = problemAnswer.safeParse(answer);
  if (!success) throw new StartError(`What answers at ${url} is no Carillon: it said ${status}.`);
  const faults = problem.errors.map(
    ({ pointer, parameter, detail }) => `  ${pointer ?? parameter ?? ""} ${detail}`,
  );
  throw new StartError(
    [`${problem.title} (${status} ${problem.code}): ${problem.detail}`, ...faults].join("\n"),
  );
}
